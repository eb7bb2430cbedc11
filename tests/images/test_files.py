"""One rule for what counts as an image file, in both of its places."""

import inspect
from pathlib import Path

import pytest

from images import files
from pixserve import image_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [
        "cat/a.jpg",
        "cat/B.JPEG",
        "cat/c.webp",
        "cat/d.HEIC",
        "cat/e.avif",
        "cat/._a.jpg",
        "cat/.hidden.png",
        "cat/.DS_Store",
        "cat/notes.txt",
        "cat/no_suffix",
        "cat/photo.psd",
        ".cache/d.png",
        "dog/e.tif",
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "dog" / "folder.jpg").mkdir()
    return tmp_path


@pytest.mark.parametrize("rule", [files, image_files])
def test_images_are_files_of_a_known_suffix_that_are_not_hidden(rule, folder):
    found = rule.find_image_files(folder, "*/*")
    assert [str(path.relative_to(folder)) for path in found.images] == [
        "cat/B.JPEG",
        "cat/a.jpg",
        "cat/c.webp",
        "cat/d.HEIC",
        "cat/e.avif",
        "dog/e.tif",
    ]
    assert {path.name for path in found.passed_over} == {
        *("._a.jpg", ".hidden.png", ".DS_Store", "notes.txt", "no_suffix", "photo.psd", "d.png")
    }


@pytest.mark.parametrize("rule", [files, image_files])
def test_a_pattern_decides_how_deep_a_folder_is_searched(rule, folder):
    assert rule.find_image_files(folder, "*") == ([], [])
    assert len(rule.find_image_files(folder, "**/*").images) == 6


def test_both_places_have_the_same_rule():
    assert files.IMAGE_SUFFIXES == image_files.IMAGE_SUFFIXES
    for name in ("is_image_file", "find_image_files"):
        assert inspect.getsource(getattr(files, name)) == inspect.getsource(getattr(image_files, name))
