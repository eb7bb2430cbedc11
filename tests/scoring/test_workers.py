"""Worker processes that die are replaced; an image that kills them gets a row that says so."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from scoring.archive import Archive
from scoring.errors import ModelError, WorkersError
from scoring.job import Job
from tests.scoring.conftest import changed_code, colours, kinds, rows_of, run_job, source_of, write

DECODES = "    if not data:\n"


def kill_children(output: Path, *, parts: int) -> list[str]:
    """Kill the worker processes of this process once there are so many parts; returns their ids."""
    while len(list(output.glob("part-*"))) < parts:
        time.sleep(0.002)
    found = [
        pid for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split() if is_worker(pid)
    ]
    for pid in found:
        os.kill(int(pid), signal.SIGKILL)
    return found


def is_worker(pid: str) -> bool:
    return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_worker_that_is_killed_is_replaced_and_no_row_is_lost(archive: Archive, output: Path, tmp_path: Path) -> None:
    images = write(tmp_path / "images", colours(2000))
    job = Job(source=source_of(images), output=output, archive=archive, chunk=50, processes=2)
    killed: list[str] = []
    killer = threading.Thread(target=lambda: killed.extend(kill_children(output, parts=3)))
    killer.start()
    summary = run_job(job)
    killer.join()
    assert len(killed) == 2
    assert summary.errors == {}
    assert [row["key"] for row in rows_of(job)] == sorted(map(str, images.iterdir()))


def test_an_image_that_kills_each_worker_gets_an_error_and_the_others_their_class(
    archive: Archive, output: Path, tmp_path: Path
) -> None:
    lethal = changed_code(
        archive, tmp_path / "lethal.mar", DECODES,
        f"    if data == b'lethal':\n        os.kill(os.getpid(), 9)\n{DECODES}",
    )  # fmt: skip
    images = write(tmp_path / "images", colours(5) | {"00002.png": b"lethal", "00004.png": kinds()["gif.gif"]})
    job = Job(source=source_of(images), output=output, archive=lethal)
    assert run_job(job).errors == {"WorkerDied": 1}
    assert [row["error_type"] for row in rows_of(job)] == [None, None, "WorkerDied", None, None]


def test_workers_that_die_while_they_load_end_the_job(archive: Archive, output: Path, tmp_path: Path) -> None:
    dying = changed_code(archive, tmp_path / "dying.mar", "MAX_PIXELS = 25", "os.kill(os.getpid(), 9)\nMAX_PIXELS = 25")
    images = write(tmp_path / "images", colours(5))
    with pytest.raises(WorkersError, match=r"end \(signal 9\) while they load"):
        run_job(Job(source=source_of(images), output=output, archive=dying))


def test_an_archive_that_cannot_be_loaded_ends_the_job_with_its_reason(
    archive: Archive, output: Path, tmp_path: Path
) -> None:
    broken = changed_code(
        archive, tmp_path / "broken.mar", "MAX_PIXELS = 25", "raise RuntimeError('no such luck')\nM = 2"
    )
    images = write(tmp_path / "images", colours(5))
    with pytest.raises(ModelError, match="RuntimeError: no such luck"):
        run_job(Job(source=source_of(images), output=output, archive=broken))
