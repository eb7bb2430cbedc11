"""Which record a benchmark takes where none is named."""

import json

import pytest

from benchmarks.records import newest_record


def test_the_newest_record_is_that_of_the_newest_version(tmp_path):
    for version in ("2.0", "10.0", "1.0"):
        (tmp_path / f"pets-{version}.json").write_text(json.dumps({"version": version}))
    assert newest_record(tmp_path).name == "pets-10.0.json"


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no record in"):
        newest_record(tmp_path)
