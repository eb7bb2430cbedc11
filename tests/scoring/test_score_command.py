"""pixserve score at a terminal: what it prints, how it ends, what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.archive import Archive
from scoring.command import newest_archive, require_packages
from scoring.errors import ModelError, ScoringError
from serving.settings import PROJECT
from tests.scoring.conftest import colours, write


def score(*words: str | Path, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pixserve", "score", *map(str, words)], cwd=cwd, capture_output=True, text=True
    )


def test_a_folder_with_a_bad_image_ends_with_3_a_summary_and_a_page(archive: Archive, tmp_path: Path) -> None:
    images = write(tmp_path / "images", colours(3) | {"bad.jpg": b"hello", "notes.md": b"x"})
    words = [images, tmp_path / "answers", "--archive", archive.path, "--format", "jsonl"]
    done = score(*words, "--report", tmp_path / "report.html")
    assert done.returncode == 3, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["images"], summary["classified"], summary["errors"]) == (4, 3, {"NotAnImage": 1})
    assert "1 file passed over" in done.stderr
    assert (tmp_path / "report.html").exists()
    assert "images" in json.loads((tmp_path / "answers" / "_summary.json").read_text())


def test_faults_are_one_sentence(archive: Archive, tmp_path: Path) -> None:
    nothing = score(tmp_path / "none", tmp_path / "answers", "--archive", archive.path)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr.startswith("error: there is no ")
    assert nothing.stderr.count("\n") == 1
    text = write(tmp_path, {"x.mar": b"words"}) / "x.mar"
    assert "is no archive of an image classifier" in score(tmp_path, tmp_path / "b", "--archive", text).stderr
    assert score(tmp_path, tmp_path / "b", "--archive", archive.path, "--format", "xls").returncode == 2


def test_the_newest_version_is_what_scores(tmp_path: Path) -> None:
    write(tmp_path, {"cifar10-9.0.mar": b"", "cifar10-10.0.mar": b"", "pets-11.0.mar": b""})
    assert newest_archive(tmp_path, "cifar10").name == "cifar10-10.0.mar"
    with pytest.raises(ModelError, match="holds no archive of flowers"):
        newest_archive(tmp_path, "flowers")


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.command.find_spec", lambda name: None if name == "pyarrow" else object())
    with pytest.raises(ScoringError, match=r"pyarrow is not installed: run .*pip install .*\.\[score\]"):
        require_packages(ray=False)
