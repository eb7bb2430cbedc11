"""The sample of images: random, the same each time, and what is expected of it."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.in_process import judge
from benchmarks.uploads import Sample, generated_images, labelled_files, sample_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for index in range(50):
            Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / label / f"{index:04}.jpg", quality=100)
    return tmp_path


def test_a_sample_is_random_and_the_same_each_time(folder):
    sample = sample_images(40, folder=folder)
    assert sample == sample_images(40, folder=folder)
    assert sample != sample_images(40, folder=folder, seed=1)
    first = [path.read_bytes() for path, _ in labelled_files(folder)[:40]]
    assert list(sample.jpegs) != first
    assert 10 < sum(sample.labels) < 30  # not as many of each class: a sample, not a selection


def test_a_sample_larger_than_the_folder_has_every_image(folder):
    assert len(sample_images(1000, folder=folder).jpegs) == 100


def test_without_a_folder_images_are_generated_and_have_no_labels(tmp_path):
    sample = sample_images(20, folder=tmp_path / "none")
    assert (len(sample.jpegs), sample.labels) == (20, ())


def test_generated_images_are_different_and_always_the_same():
    first, second = list(generated_images(200)), list(generated_images(200))
    assert first == second
    assert len(set(first)) == 200


def test_an_image_whose_class_depends_on_its_batch_has_two_right_answers():
    answers = judge(Sample((b"a", b"b"), (1, 2)), {"alone": [1, 0], "batched": [1, 2], "description": {}})
    assert [upload.expected for upload in answers.uploads] == [{1}, {0, 2}]
    assert answers.accuracy == 1


def test_a_network_that_names_one_class_cannot_be_measured():
    with pytest.raises(BenchmarkError, match="one class for every image"):
        judge(Sample((b"a", b"b")), {"alone": [1, 1], "batched": [1, 1], "description": {}})
