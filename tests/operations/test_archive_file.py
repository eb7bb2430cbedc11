"""What an archive says of itself is read before anything is registered."""

import json
import zipfile
from pathlib import Path

import pytest

from operations.archive_file import ArchiveFacts
from operations.errors import RolloutError
from tests.two_versions import build


def test_model_version_and_class_names_are_read_from_a_packed_archive(tmp_path: Path) -> None:
    facts = ArchiveFacts.read(build(tmp_path, "2.0-rc1"))
    assert (facts.model, facts.version, facts.class_names[:2]) == ("cifar10", "2.0-rc1", ("plane", "car"))


def test_names_are_in_the_order_of_the_logits(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelName": "m", "modelVersion": "1"}}))
        archive.writestr("index_to_name.json", json.dumps({str(index): f"n{index}" for index in reversed(range(11))}))
    assert ArchiveFacts.read(tmp_path / "m.mar").class_names == tuple(f"n{index}" for index in range(11))


def test_the_folders_of_the_training_images_travel_with_an_archive(tmp_path: Path) -> None:
    facts = ArchiveFacts.read(build(tmp_path, "2.0"))
    assert (facts.classes_of_folders["airplane"], facts.classes_of_folders["cat"]) == ("plane", "cat")


def test_an_archive_may_say_what_the_folders_of_its_classes_are_called(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelName": "m", "modelVersion": "1"}}))
        archive.writestr("index_to_name.json", json.dumps({"0": "plane", "1": "bird"}))
        archive.writestr("folder_names.json", json.dumps(["airplane", "bird"]))
    assert ArchiveFacts.read(tmp_path / "m.mar").classes_of_folders == {"airplane": "plane", "bird": "bird"}


def test_what_is_no_archive_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match=r"the server's model store holds no gone\.mar"):
        ArchiveFacts.read(tmp_path / "gone.mar")
    (tmp_path / "bad.mar").write_text("nonsense")
    with pytest.raises(RolloutError, match=r"bad\.mar is not an archive of an image classifier"):
        ArchiveFacts.read(tmp_path / "bad.mar")
