"""The same job on Ray Data: the same rows, also where an actor is killed half-way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scoring.archive import Archive
from scoring.job import Job
from serving.settings import PROJECT
from tests.scoring.conftest import BROKEN, colours, rows_of, run_job, source_of, write

IMAGES, CHUNK = 1500, 25


def actors(output: Path) -> list[int]:
    """The process ids of Ray's actors that score into a folder; each has a worker process below it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
            named = b"ChunkScorer" in words and str(output).encode() in (path.parent / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if named:
            found.append(int(path.parent.name))
    return found


def test_two_workers_of_ray_of_which_one_is_killed_lose_and_double_no_row(
    archive: Archive, output: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    images = write(tmp_path / "images", colours(IMAGES) | {"broken.jpg": BROKEN["broken/cut.jpg"]})
    mark = {"SCORED_INTO": str(output), "HOME": str(tmp_path), "RAY_raylet_start_wait_time_s": "300"}  # a token in HOME
    words = [sys.executable, "-m", "pixserve", "score", str(images), str(output), "--archive", str(archive.path)]
    process = subprocess.Popen(
        [*words, "--chunk", str(CHUNK), "--processes", "2", "--ray", "local"],
        cwd=PROJECT, env=os.environ | mark, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while len(list(output.glob("part-*"))) < 5:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    running = actors(output)
    assert len(running) == 2
    os.kill(running[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 3, errors
    job = Job(source=source_of(images), output=output, archive=archive, chunk=CHUNK)
    rows = rows_of(job)
    assert [row["key"] for row in rows] == sorted(map(str, images.iterdir()))
    assert [row["error_type"] for row in rows if row["error_type"]] == ["DamagedImage"]
    here = Job(source=source_of(images), output=output.with_name("here"), archive=archive, processes=2)
    run_job(here)
    assert rows == rows_of(here)
