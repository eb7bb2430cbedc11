"""The parts of fine-tuning that need no training: splits, hashes, balance, rates, the store of images."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.sample_pictures import cat, encoded
from training.balance import class_weights, epoch_order
from training.finetune_optimizer import rate_factor
from training.finetune_recipe import FineTuneRecipe
from training.image_store import ImageStore
from training.near_duplicates import near_duplicates
from training.photo_augmentation import augmentation
from training.photo_folders import Files, read_photo_folders, split
from training.survey import survey

RECIPE = FineTuneRecipe(
    network="torchvision.resnet18", weights="none", image_size=224, epochs=10, frozen_epochs=2, batch_size=32,
    learning_rate=1e-3, backbone_learning_rate=1e-4, weight_decay=0.02, label_smoothing=0.1, warmup_fraction=0.1,
    augmentation="photographs", balance="none", validation_fraction=0.15, test_fraction=0.15, split_seed=0,
    skip_broken=False, served_precision="int8",
)  # fmt: skip


def looked_at(folder, files, side=64):
    paths = []
    for name, data in files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    store = ImageStore.of(paths, side=side, cache=folder / "pixels")
    return store, survey(store, done=lambda: None)


def test_a_split_holds_out_a_share_of_every_class_and_at_least_one_image(tmp_path):
    files = Files([tmp_path / str(index) for index in range(105)], [0] * 100 + [1] * 3 + [2] * 2)
    rest, held = split(files, fraction=0.15, seed=1)
    assert [held.labels.count(label) for label in range(3)] == [15, 1, 0]
    assert {*rest.paths, *held.paths} == {*files.paths}
    assert split(files, fraction=0.15, seed=1) == (rest, held)
    assert split(files, fraction=0.15, seed=2) != (rest, held)


def test_two_trees_are_taken_as_they_are(pictures):
    parts = read_photo_folders(pictures, validation_fraction=0.25, test_fraction=0.15, seed=0)
    assert {path.parts[-3] for path in parts.test.paths} == {"test"}
    assert {path.parts[-3] for path in [*parts.train.paths, *parts.validation.paths]} == {"train"}


def test_a_copy_of_another_size_and_quality_is_nearly_the_same_and_another_image_is_not(tmp_path):
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
    other = Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50).convert("RGB")
    files = {"cat.png": encoded(cat((300, 200)), "PNG"), "other.png": encoded(other, "PNG")}
    _, train = looked_at(tmp_path / "train", files)
    copies = {
        "copy.jpg": encoded(cat((150, 100)), "JPEG", quality=60),
        "mirrored.png": encoded(other.rotate(90), "PNG"),
    }
    _, test = looked_at(tmp_path / "test", copies)
    assert [(one.name, two.name) for one, two in near_duplicates(test, train)] == [("copy.jpg", "cat.png")]


def test_what_is_kept_is_what_would_be_decoded_again(tmp_path):
    store, _ = looked_at(
        tmp_path, {"a.jpg": encoded(cat((700, 500)), "JPEG"), "b.png": encoded(cat(), "PNG")}, side=224
    )
    again = ImageStore.of(store.paths, side=224)
    assert torch.equal(store.stacked(), again.stacked())
    assert torch.equal(store.take(torch.tensor([1])).stacked(), again[1][None])


def test_a_file_that_appears_broken_is_a_fault_of_its_row(tmp_path):
    _, found = looked_at(tmp_path, {"a.jpg": b"\xff\xd8\xff", "b.png": encoded(cat(), "PNG")})
    assert found.intact.tolist() == [1]
    assert "JPEG" in found.faults[0]


def test_class_weights_even_out_what_classes_add_to_the_loss():
    counts = torch.tensor([10, 40, 50])
    weights = class_weights(counts)
    assert torch.allclose(weights * counts, torch.full((3,), 100 / 3))


def test_balanced_sampling_draws_every_class_as_often():
    labels = torch.tensor([0] * 900 + [1] * 100)
    order = epoch_order(labels, "sampling", generator=torch.Generator().manual_seed(0))
    assert len(order) == 1000
    assert 0.4 < labels[order].float().mean() < 0.6


def test_rates_rise_in_each_span_and_end_at_zero():
    factors = [rate_factor(RECIPE, epochs=epoch) for epoch in np.linspace(0, 10, 101)]
    assert factors[0] < 0.1
    assert factors[15] == 1
    assert factors[20] < 0.1  # everything is trained from here on
    assert max(factors[25:35]) > 0.9
    assert factors[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["photographs", "oriented", "none"])
def test_an_augmented_image_has_the_size_that_the_network_takes(name):
    image = torch.randint(0, 256, (3, 256, 256), dtype=torch.uint8)
    varied = augmentation(name, image_size=224)(image)
    assert (varied.shape, varied.dtype) == ((3, 224, 224), torch.uint8)
