"""State on disk: the old content or the new, whole; what cannot be read is set aside."""

import resource
import subprocess
import sys

import pytest

from pixserve.state_files import read_json, write_json


def test_what_was_written_is_read(tmp_path):
    write_json(tmp_path / "state.json", {"models": ["chat", "café"]})
    assert read_json(tmp_path / "state.json") == {"models": ["chat", "café"]}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_file_that_is_not_there_is_nothing(tmp_path):
    assert read_json(tmp_path / "state.json") is None


@pytest.mark.parametrize("content", [b"", b'{"half": ', b"\xff\xfe"])
def test_a_half_written_file_is_set_aside_with_a_warning(tmp_path, capsys, content):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    assert read_json(path) is None
    assert not path.exists()
    assert (tmp_path / "state.json.unreadable").read_bytes() == content
    assert "state.json cannot be read" in capsys.readouterr().err


def test_a_write_that_finds_no_room_leaves_the_old_content_and_no_other_file(tmp_path):
    path = tmp_path / "state.json"
    write_json(path, {"old": True})
    program = (
        f"from pathlib import Path; from pixserve.state_files import write_json; write_json(Path({str(path)!r}), 1)"
    )
    no_room = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"OSError: [Errno 27] File too large: '{path}'" in no_room.stderr
    assert read_json(path) == {"old": True}
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]
