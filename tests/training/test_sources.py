import os
import re
import shutil
import socket

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image, ImageCms

from images.decode import decode_image
from images.errors import ImageError
from tests.sample_pictures import cat, encoded, every_kind, exif, jpeg, quadrants
from tests.training.training_images import make_pictures
from training import decoding
from training.decoding import decode_files
from training.errors import SourceError
from training.sources import _fit, hold_out, load_source, rename_classes


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
    with pytest.raises(SourceError, match=r"no folder .*/train: images are looked for in"):
        load_source(str(tmp_path), image_size=32)


def test_a_class_folder_without_images_is_named(pictures):
    shutil.rmtree(pictures / "train" / "red")
    (pictures / "train" / "red").mkdir()
    with pytest.raises(SourceError, match="train/red has no images"):
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


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut short"])
def test_an_image_file_that_is_no_image_is_named(pictures, content):
    (pictures / "test" / "green" / "bad.png").write_bytes(content)
    with pytest.raises(SourceError, match=r"test/green/bad\.png: .*Replace it or take it out of the folder\.$"):
        load_source(str(pictures), image_size=32)


def test_a_truncated_jpeg_is_named(pictures):
    path = pictures / "train" / "red" / "cut.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(SourceError, match=r"cut\.jpg: "):
        load_source(str(pictures), image_size=32)


def test_what_is_no_image_file_of_a_class_is_passed_over_and_counted_aloud(pictures):
    before = load_source(str(pictures), image_size=32)
    assert before.remarks == ()
    red = pictures / "train" / "red"
    for path in (red / "._0.png", red / ".DS_Store", red / "notes.txt", pictures / "train" / "loose.png"):
        path.write_bytes(b"no image")
    (red / "more").mkdir()
    source = load_source(str(pictures), image_size=32)
    assert source.fingerprint == before.fingerprint
    (remark,) = source.remarks
    assert "/train: 5 passed over, not <class>/<image file>: loose.png, red/.DS_Store, red/._0.png, …" in remark


def test_a_class_that_is_not_tested_is_said_aloud(pictures):
    shutil.rmtree(pictures / "test" / "red")
    (remark,) = load_source(str(pictures), image_size=32).remarks
    assert "test has no images of red" in remark


def test_a_folder_whose_name_is_not_utf_8_is_refused(pictures):
    (pictures / "train" / "red").rename(pictures / "train" / os.fsdecode(b"r\xf6t"))
    with pytest.raises(SourceError, match=r"not UTF-8 \(b'r\\xf6t'\)"):
        load_source(str(pictures), image_size=32)


def test_a_missing_folder_is_told_where_images_come_from(tmp_path):
    with pytest.raises(SourceError, match="`--source cifar10` downloads CIFAR-10; images of your own lie in DIR"):
        load_source(str(tmp_path / "data"), image_size=32)


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


def odd_files():
    """Valid, rare, unsupported and damaged image files by name: what training and serving once decoded apart."""
    files = {kind.replace(" ", "-"): data for kind, data in every_kind(cat()).items()}
    ramp = np.linspace(0, 65535, 64 * 64, dtype=np.uint16).reshape(64, 64)
    for kind in ("PNG", "TIFF"):
        files[f"16-bit-grey-{kind}"] = encoded(Image.fromarray(ramp), kind)
    files["float-tiff"] = encoded(Image.fromarray(ramp.astype(np.float32)), "TIFF")
    files["int-tiff"] = encoded(Image.fromarray(ramp.astype(np.int32)), "TIFF")
    files["lab-tiff"] = encoded(ImageCms.profileToProfile(cat(), *SRGB_TO_LAB, outputMode="LAB"), "TIFF")
    for kind in ("AVIF", "JPEG2000", "TGA", "PPM"):
        files[kind] = encoded(cat(), kind)
    for orientation in range(1, 9):
        for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
            files[f"turned-{orientation}-{kind}"] = encoded(quadrants(), kind, exif=exif(orientation))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    files["turned-by-xmp"] = encoded(quadrants(), "JPEG", xmp=xmp)
    files["empty"], files["cut-short"] = b"", jpeg()[:300]
    for size in ((1, 1), (33, 201), (20, 30), (640, 480)):
        for mode in ("RGB", "L", "LA", "RGBA", "P", "1"):
            files[f"{size[0]}-by-{size[1]}-{mode}"] = encoded(cat(size).convert(mode), "PNG")
    return files


SRGB_TO_LAB = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))


@pytest.mark.parametrize("name", odd_files())
def test_training_and_serving_see_the_same_pixels_or_both_refuse(tmp_path, name):
    data = odd_files()[name]
    path = tmp_path / f"{name}.png"  # its content decides how it is decoded
    path.write_bytes(data)
    try:
        served = decode_image(data, image_size=32)
    except ImageError as error:
        with pytest.raises(SourceError, match=re.escape(error.message)):
            decode_files([path], image_size=32)
    else:
        (trained,) = decode_files([path], image_size=32)
        assert np.array_equal(trained.transpose(1, 2, 0), served)


def test_many_files_are_decoded_in_several_processes_as_in_one(pictures, monkeypatch):
    paths = sorted(pictures.rglob("*.png"))
    alone = decode_files(paths, image_size=32)
    monkeypatch.setattr(decoding, "MIN_FILES_FOR_POOL", 1)
    assert np.array_equal(decode_files(paths, image_size=32, processes=2), alone)


@pytest.mark.parametrize("size", [32, 24])
def test_an_array_of_cifar10_is_resized_as_a_file_of_it(size):
    pixels = np.asarray(cat((32, 32)))
    assert np.array_equal(_fit(pixels, image_size=size), decode_image(encoded(cat((32, 32)), "PNG"), image_size=size))
