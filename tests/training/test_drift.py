"""A reference finds what differs within a thousand images, and false alarms are as rare as it says."""

import json
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import train
from engine.drift import Reference, population_stability_index
from engine.loading import openvino_engine
from engine.metadata import EngineMetadata
from images.decode import decode_image
from serving.settings import PROJECT
from tests.conftest import LENET_RECORD
from tests.training.training_images import make_pictures
from training.drift import counts_of, drift_entry, reference_of
from training.export import predict_batches

WINDOW = 1000
FOUND_WITHIN = {"blur": 1000, "dark": 1000, "digits": 250, "vehicles alone": 250}  # images
BY_A_BETTER_NETWORK = {"noise": 250, "three times the cats": 1000}  # LeNet's answers tell less
CASES = [(version, kind) for version in ("1.0", "2.0", "3.0") for kind in FOUND_WITHIN]
CASES += [(version, kind) for version in ("2.0", "3.0") for kind in BY_A_BETTER_NETWORK]


def differs(reference: Reference, probabilities: np.ndarray) -> dict[str, bool]:
    found = counts_of(reference, probabilities)
    return {
        name: population_stability_index(bins.counts, found[name]) > bins.limit(len(probabilities))
        for name, bins in reference.bins().items()
    }


def answers(count: int, classes: int = 10, seed: int = 0) -> np.ndarray:
    """Answers of every confidence."""
    logits = 3 * np.random.default_rng(seed).normal(size=(count, classes))
    powers = np.exp(logits)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def false_alarms(probabilities: np.ndarray, *, rate: float, splits: int) -> float:
    """The share of random windows, of the images that are not in the reference, found different."""
    chance, half, found = np.random.default_rng(0), len(probabilities) // 2, 0
    for _ in range(splits):
        order = chance.permutation(len(probabilities))
        reference = reference_of(probabilities[order[:half]], of="half", rate=rate)
        found += any(differs(reference, probabilities[order[half : half + WINDOW]]).values())
    return found / splits


@cache
def engine_of(version: str):
    record = json.loads((PROJECT / "model" / f"cifar10-{version}.json").read_text())
    engine = openvino_engine(PROJECT / "model", EngineMetadata.from_json(record["engine"]))
    return engine, Reference.from_json(record["drift"])


@pytest.fixture(scope="module")
def fresh(cifar10_test_pictures):
    """The test images that no shipped reference is of, with their classes."""
    others = cifar10_test_pictures[1::2]
    return np.stack([decode_image(path.read_bytes(), image_size=32) for path, _ in others]), np.array(
        [label for _, label in others]
    )


def changed(kind: str, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A window of another kind of images."""
    chance = np.random.default_rng(0)
    if kind == "digits":
        drawn = (load_digits().images * 15.9).astype(np.uint8)
        return np.stack([np.asarray(Image.fromarray(each).resize((32, 32)).convert("RGB")) for each in drawn])
    weights = np.ones(10)
    if kind == "vehicles alone":
        weights[[2, 3, 4, 5, 6, 7]] = 0
    if kind == "three times the cats":
        weights[3] = 3
    share = weights[labels] / weights[labels].sum()
    window = images[chance.choice(len(images), WINDOW, replace=False, p=share)]
    if kind == "noise":
        return np.clip(window + chance.normal(0, 20, window.shape), 0, 255).astype(np.uint8)
    if kind == "blur":
        return np.stack([np.asarray(Image.fromarray(each).filter(ImageFilter.GaussianBlur(1))) for each in window])
    return window // 4 if kind == "dark" else window


@pytest.mark.parametrize(("version", "kind"), CASES)
def test_other_images_are_found_within_the_stated_number(version, kind, fresh):
    engine, reference = engine_of(version)
    window = changed(kind, *fresh)[: (FOUND_WITHIN | BY_A_BETTER_NETWORK)[kind]]
    assert any(differs(reference, predict_batches(engine, window).probabilities).values())


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0"])
def test_fresh_test_images_are_not_found_different(version, fresh):
    engine, reference = engine_of(version)
    window = changed("none", *fresh)
    assert not any(differs(reference, predict_batches(engine, window).probabilities).values())


def test_false_alarms_are_as_rare_as_stated_with_answers_of_a_shipped_version(cifar10_test_pictures):
    engine, _ = engine_of("1.0")
    images = np.stack([decode_image(path.read_bytes(), image_size=32) for path, _ in cifar10_test_pictures])
    probabilities = predict_batches(engine, images).probabilities
    assert 0.005 <= false_alarms(probabilities, rate=0.05, splits=400) <= 0.05 + 0.025


def test_false_alarms_are_as_rare_as_stated_with_a_hundred_classes():
    assert 0.005 <= false_alarms(answers(10_000, classes=100), rate=0.05, splits=400) <= 0.05 + 0.025


def test_confidence_and_margin_have_bins_of_equal_counts():
    reference = reference_of(answers(5000), of="")
    for bins in (reference.confidence, reference.margin):
        assert len(bins.counts) == 10
        assert min(bins.counts) >= 499


def test_equal_values_share_a_bin_and_one_bin_differs_from_nothing():
    same = np.tile(np.array([[0.75, 0.25]], np.float32), (100, 1))
    reference = reference_of(same, of="")
    assert reference.confidence.counts == reference.margin.counts == (100,)
    assert not any(differs(reference, same[:50]).values())


def test_too_few_images_or_equal_answers_make_no_reference():
    assert drift_entry(answers(198)) is None
    assert drift_entry(np.tile(np.array([[0.75, 0.25]], np.float32), (1000, 1))) is None
    assert Reference.from_json(drift_entry(answers(200))).of == "100 test images, every second one"


def test_rare_classes_share_a_bin():
    labels = np.repeat([0, 1, 2, 3], [600, 396, 2, 2])
    probabilities = np.where(np.arange(4) == labels[:, None], 0.7, 0.1).astype(np.float32)
    reference = reference_of(probabilities, of="")
    assert reference.class_bins == (0, 1, 2, 2)
    assert reference.classes.counts == (600, 396, 4)


def test_a_window_has_at_least_ten_images_a_class():
    assert reference_of(answers(300, classes=3), of="").window_images == 1000
    assert reference_of(answers(300, classes=250), of="").window_images == 2500


def test_the_command_writes_the_same_reference_again(tmp_path):
    pictures = make_pictures(tmp_path / "images", train=12, test=70)
    where = [f"--source={pictures}", f"--out={tmp_path}", f"--checkpoint={tmp_path}/c.pt"]
    assert CliRunner().invoke(train.app, ["fast", *where, "--epochs=1", "--version=1.0"]).exit_code == 0
    path = tmp_path / "cifar10-1.0.json"
    written = json.loads(path.read_text())
    assert Reference.from_json(written["drift"]).of.endswith("test images, every second one")
    path.write_text(json.dumps({key: value for key, value in written.items() if key != "drift"}))
    result = CliRunner().invoke(train.app, ["drift", str(path), f"--source={pictures}"])
    assert result.exit_code == 0, result.output
    assert "others are classes" in result.output
    assert json.loads(path.read_text())["drift"] == written["drift"]


def test_too_few_test_images_are_one_sentence(tmp_path, pictures):
    where = [f"--source={pictures}", f"--out={tmp_path}", f"--checkpoint={tmp_path}/c.pt"]
    assert CliRunner().invoke(train.app, ["lenet", *where, "--epochs=1", "--version=1.0"]).exit_code == 0
    result = CliRunner().invoke(train.app, ["drift", f"{tmp_path}/cifar10-1.0.json", f"--source={pictures}"])
    assert result.exit_code == 1
    assert "12 test images make no reference; at least 200 do" in result.output.replace("\n", " ")


def test_another_source_than_that_of_the_training_is_refused(pictures):
    result = CliRunner().invoke(train.app, ["drift", str(LENET_RECORD), f"--source={pictures}", "--overwrite"])
    assert result.exit_code == 1
    assert "is not what" in result.output


def test_the_record_of_a_shipped_version_is_replaced_only_when_told_to(pictures):
    before = LENET_RECORD.read_bytes()
    result = CliRunner().invoke(train.app, ["drift", str(LENET_RECORD), f"--source={pictures}"])
    assert result.exit_code == 1
    assert "is shipped" in result.output
    assert LENET_RECORD.read_bytes() == before
