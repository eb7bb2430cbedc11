"""The handler's side of taking a worker away: it holds when asked to, and never for long."""

import os
import threading
from pathlib import Path

import pytest

from handler import quiesce
from handler.quiesce import wait_while_held

HOLD, HELD = f"hold-{os.getpid()}", f"held-{os.getpid()}"


def test_a_worker_that_nobody_asked_to_hold_goes_on(tmp_path: Path) -> None:
    (tmp_path / "hold-1").touch()
    wait_while_held(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["hold-1"]


def test_a_worker_says_that_it_holds_and_goes_on_when_its_file_is_gone(tmp_path: Path) -> None:
    (tmp_path / HOLD).touch()
    worker = threading.Thread(target=wait_while_held, args=(tmp_path,))
    worker.start()
    while not (tmp_path / HELD).exists():
        assert worker.is_alive()
    assert not (tmp_path / HOLD).exists()
    (tmp_path / HELD).unlink()
    worker.join(timeout=5)
    assert not worker.is_alive()


def test_a_worker_goes_on_by_itself_where_whoever_asked_has_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiesce, "MOST_HOLD_S", 0.05)
    (tmp_path / HOLD).touch()
    wait_while_held(tmp_path)
    assert not list(tmp_path.iterdir())
