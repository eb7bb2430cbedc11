import shutil
import socket

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from images import decode as images_decode
from tests.training.training_images import make_pictures
from training.decoding import decode, fit
from training.errors import SourceError
from training.sources import hold_out, load_source, rename_classes


@pytest.fixture
def pictures(tmp_path):
    return make_pictures(tmp_path / "pictures")


def test_a_folder_tree_becomes_tensors_with_the_folders_names(pictures):
    source = load_source(str(pictures), image_size=32)
    assert source.class_names == ("blue", "green", "red")
    assert source.train.images.shape == (36, 3, 32, 32)
    assert source.train.images.dtype == torch.uint8
    assert source.train.labels.bincount().tolist() == [12, 12, 12]
    assert source.train.images[0].float().mean(dim=(1, 2)).argmax() == 2  # the first class is blue


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"There is no folder .*nowhere"):
        load_source(str(tmp_path / "nowhere"), image_size=32)


def test_a_folder_without_train_is_told_the_layout(tmp_path):
    with pytest.raises(SourceError, match=r"no folder .*/train: pictures are looked for in"):
        load_source(str(tmp_path), image_size=32)


def test_a_class_folder_without_pictures_is_named(pictures):
    shutil.rmtree(pictures / "train" / "red")
    (pictures / "train" / "red").mkdir()
    with pytest.raises(SourceError, match="train/red has no pictures"):
        load_source(str(pictures), image_size=32)


def test_one_class_is_too_few(pictures):
    for name in ("red", "green"):
        shutil.rmtree(pictures / "train" / name)
    with pytest.raises(SourceError, match=r"has one class \(blue\)"):
        load_source(str(pictures), image_size=32)


def test_a_tested_class_that_is_not_trained_is_named(pictures):
    (pictures / "test" / "red").rename(pictures / "test" / "pink")
    with pytest.raises(SourceError, match=r"lacks \(pink\)"):
        load_source(str(pictures), image_size=32)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut short"])
def test_a_file_that_is_no_picture_is_named(pictures, content):
    (pictures / "test" / "green" / "bad.png").write_bytes(content)
    with pytest.raises(SourceError, match=r"test/green/bad\.png is not a readable picture"):
        load_source(str(pictures), image_size=32)


def test_a_truncated_jpeg_is_named(pictures):
    path = pictures / "train" / "red" / "cut.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(SourceError, match=r"cut\.jpg is not a readable picture"):
        load_source(str(pictures), image_size=32)


def test_cifar10_that_cannot_be_downloaded_points_to_folders(tmp_path, monkeypatch):
    with socket.socket() as unused:  # bound and never listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/cifar-10-python.tar.gz"
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", address)
        with pytest.raises(SourceError, match=r"could not be downloaded .* --source DIR"):
            load_source("cifar10", image_size=32, cache=tmp_path)


def test_names_given_must_be_as_many_as_the_classes(pictures):
    source = load_source(str(pictures), image_size=32)
    assert rename_classes(source, ["b", "g", "r"]).class_names == ("b", "g", "r")
    with pytest.raises(SourceError, match="Give 3 different ones"):
        rename_classes(source, ["b", "g"])


def test_the_fingerprint_tells_one_changed_pixel(pictures):
    before = load_source(str(pictures), image_size=32).fingerprint
    assert load_source(str(pictures), image_size=32).fingerprint == before
    path = pictures / "train" / "red" / "0.png"
    image = Image.open(path).copy()
    image.putpixel((0, 0), (0, 0, 0))
    image.save(path)
    assert load_source(str(pictures), image_size=32).fingerprint != before


def test_held_out_pictures_are_a_share_of_every_class_and_not_trained_on(pictures):
    train = load_source(str(pictures), image_size=32).train
    kept, held = hold_out(train, fraction=0.25)
    assert held.labels.bincount().tolist() == [3, 3, 3]
    everything = torch.cat([kept.images, held.images]).flatten(1).unique(dim=0)
    assert len(everything) == len(kept) + len(held) == len(train)


@pytest.mark.parametrize("size", [(32, 32), (64, 48), (33, 201), (20, 30), (1, 1)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_training_and_serving_see_the_same_pixels(tmp_path, size, mode):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(noise).convert(mode).save(path)
    served = images_decode.decode_image(path.read_bytes(), image_size=32, max_pixels=10**6).transpose(2, 0, 1)
    trained = decode([path], image_size=32)[0]
    assert np.abs(trained.astype(int) - served.astype(int)).max() <= 1


def test_a_picture_on_its_side_is_turned_upright():
    image = Image.new("RGB", (40, 80), "white")
    image.paste("black", (0, 0, 40, 40))
    image.getexif()[0x0112] = 3  # upside down
    assert fit(image, 32)[:, 0].max() == 255
    assert fit(image, 32)[:, 31].max() == 0
