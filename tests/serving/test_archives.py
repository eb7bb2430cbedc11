"""The model store: archives in order, and what is no archive."""

import shutil

import pytest

from serving.archives import read_store
from serving.errors import ServingError
from tests.serving.sample_archives import make_archive


def test_archives_come_by_model_and_then_by_version_oldest_first(tmp_path):
    for version in ("10.0", "2.0"):
        make_archive(tmp_path, "pets", version)
    make_archive(tmp_path, "cars", "3.0")
    found = [(archive.model, archive.version) for archive in read_store(tmp_path)]
    assert found == [("cars", "3.0"), ("pets", "2.0"), ("pets", "10.0")]


def test_an_empty_store_says_how_to_fill_it(tmp_path):
    with pytest.raises(ServingError, match=r"there is no archive in .*; build one with `make archive`"):
        read_store(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_archive_is_named(tmp_path, content):
    (tmp_path / "cats.mar").write_bytes(content)
    with pytest.raises(ServingError, match=r"cats.mar is not a model archive"):
        read_store(tmp_path)


def test_two_archives_of_one_version_are_refused_by_name(tmp_path):
    first = make_archive(tmp_path, "pets", "1.0")
    shutil.copy(first.path, tmp_path / "pets-copy.mar")
    with pytest.raises(ServingError, match=r"pets-1.0.mar and pets-copy.mar in .* both hold pets 1.0"):
        read_store(tmp_path)
