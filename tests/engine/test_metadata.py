"""engine.json is read as it was written, and anything else is refused in a sentence."""

import json

import pytest

from engine.metadata import EngineMetadata, HashedFile, MetadataError, Stage, read_metadata

FILES = {"xml": HashedFile("a.xml", "0" * 64), "bin": HashedFile("a.bin", "1" * 64)}
INT8 = Stage(name="a", precision="int8", min_margin=0.25, temperature=1.5, **FILES)
FP32 = Stage(name="a", precision="fp32", **FILES)
METADATA = EngineMetadata(image_size=32, classes=10, stages=(INT8, FP32))


def test_it_is_read_back_as_it_was_written(tmp_path):
    (tmp_path / "engine.json").write_text(json.dumps(METADATA.to_json()))
    assert read_metadata(tmp_path) == METADATA


def test_what_else_the_record_says_of_the_engine_is_passed_over():
    assert EngineMetadata.from_json(METADATA.to_json() | {"quantization": {"images": 300}}) == METADATA


def test_a_file_of_two_stages_is_named_once():
    assert METADATA.files() == [FILES["xml"], FILES["bin"]]


def test_an_archive_without_it_has_none(tmp_path):
    assert read_metadata(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "has format 2; this version reads 1"),
        ({"stages": []}, "no stages"),
        ({"stages": [{"name": "a"}]}, "incomplete"),
        ({"stages": METADATA.to_json()["stages"][:1]}, "last stage has a min_margin"),
        ({"stages": [METADATA.to_json()["stages"][1] | {"precision": "bf16"}]}, "precision 'bf16'"),
        ({"stages": [METADATA.to_json()["stages"][1] | {"xml": {"file": "../a.xml", "sha256": ""}}]}, "another folder"),
    ],
)  # fmt: skip
def test_what_it_cannot_be_is_refused(changes, message):
    with pytest.raises(MetadataError, match=message):
        EngineMetadata.from_json(METADATA.to_json() | changes)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_file_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "engine.json").write_text(text)
    with pytest.raises(MetadataError):
        read_metadata(tmp_path)
