"""The handler's side of removing a worker: it quiesces when asked to, and never for long."""

import os
import threading
from pathlib import Path

import pytest

from handler import quiesce
from handler.quiesce import wait_while_quiesced
from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE, RuntimeDirectory


def test_handler_and_launcher_agree_on_the_names_in_the_runtime_directory(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path)
    assert quiesce.RUNTIME_DIR_VARIABLE == RUNTIME_DIR_VARIABLE
    assert Path(quiesce.draining_file(str(tmp_path))) == directory.draining
    assert quiesce.quiesce_request(str(tmp_path), 7) == directory.quiesce_request(7)
    assert quiesce.quiesced(str(tmp_path), 7) == directory.quiesced(7)


def test_a_worker_that_nobody_asked_to_quiesce_goes_on(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path)
    directory.quiesce_request(1).touch()
    wait_while_quiesced(str(tmp_path))
    assert list(tmp_path.iterdir()) == [directory.quiesce_request(1)]


def test_a_worker_says_that_it_is_quiesced_and_goes_on_when_its_file_is_gone(tmp_path: Path) -> None:
    directory, pid = RuntimeDirectory(tmp_path), os.getpid()
    directory.quiesce_request(pid).touch()
    worker = threading.Thread(target=wait_while_quiesced, args=(str(tmp_path),))
    worker.start()
    while not directory.quiesced(pid).exists():
        assert worker.is_alive()
    assert directory.quiesce_files() == [directory.quiesced(pid)]
    directory.quiesced(pid).unlink()
    worker.join(timeout=5)
    assert not worker.is_alive()


def test_a_worker_goes_on_by_itself_where_whoever_asked_has_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiesce, "MAX_QUIESCE_S", 0.05)
    RuntimeDirectory(tmp_path).quiesce_request(os.getpid()).touch()
    wait_while_quiesced(str(tmp_path))
    assert not list(tmp_path.iterdir())
