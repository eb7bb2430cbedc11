"""A job that is stopped in the middle, in any way, goes on: no row is lost, none is written twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scoring.archive import Archive
from scoring.errors import OutputError, SourceError
from scoring.job import Job
from scoring.journal import JOURNAL, Journal
from serving.settings import PROJECT
from tests.scoring.conftest import colours, rows_of, run_job, source_of, write

IMAGES = 3000


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("many"), colours(IMAGES))


@pytest.fixture
def job(images: Path, archive: Archive, output: Path) -> Job:
    return Job(source=source_of(images), output=output, archive=archive, chunk=50)


@pytest.fixture
def started(job: Job) -> Iterator[subprocess.Popen[str]]:
    """`pixserve score` in a process group of its own, with some parts written and many to go."""
    options = ["--archive", str(job.archive.path), "--chunk", "50", "--processes", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pixserve", "score", job.source.text, str(job.output), *options],
        cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while len(list(job.output.glob("part-*"))) < 3:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.005)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def check_whole(job: Job) -> None:
    keys = [row["key"] for row in rows_of(job)]
    assert keys == sorted(str(path) for path in Path(job.source.text).iterdir())
    assert len(keys) == IMAGES
    left = {path.name for path in job.output.iterdir() if not path.name.startswith("part-")}
    assert left == {"_job.json", "_journal.jsonl", "_lock", "_summary.json"}


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(job: Job, started: subprocess.Popen[str]) -> None:
    os.killpg(started.pid, signal.SIGINT)
    _, errors = started.communicate(timeout=30)
    assert started.returncode == 130
    assert "--resume goes on from there" in errors
    assert "Traceback" not in errors
    assert 3 <= len(rows_of(job)) // 50 < IMAGES // 50
    before = {path: path.stat().st_mtime_ns for path in job.output.glob("part-*")}
    summary = run_job(job, resume=True)
    assert summary.images == IMAGES
    assert summary.scored_now < IMAGES
    known = {json.loads(line)["part"] for line in (job.output / JOURNAL).read_text().splitlines()[: len(before)]}
    kept = [path for path, changed in before.items() if path.stat().st_mtime_ns == changed]
    assert len(kept) >= 3
    assert {path.name for path in kept} <= known
    check_whole(job)


def test_a_killed_job_goes_on_and_leaves_no_worker_behind(job: Job, started: subprocess.Popen[str]) -> None:
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    started.kill()
    started.wait()
    deadline_s = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert run_job(job, resume=True).images == IMAGES
    check_whole(job)


def test_a_part_without_its_line_and_a_torn_line_are_written_again(job: Job, images: Path) -> None:
    few = replace(job, source=source_of(f"{images}/0000*"), chunk=4)  # 10 images
    run_job(few)
    journal = few.output / JOURNAL
    lines = journal.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    journal.write_text(lines[0] + lines[1][:20])
    (few.output / "part-0000000.parquet").unlink()
    (few.output / ".part-0000001.parquet.999").write_bytes(b"half")
    summary = run_job(few, resume=True)
    assert (summary.images, summary.scored_now) == (10, 10)
    assert [row["key"] for row in rows_of(few)] == sorted(map(str, images.glob("0000*")))
    assert not list(few.output.glob(".part-*"))
    assert [json.loads(line)["index"] for line in journal.read_text().splitlines()] == [0, 0, 1, 2]


def test_a_job_is_only_resumed_with_the_same_input_options_and_archive(job: Job, tmp_path: Path) -> None:
    images = write(tmp_path / "images", colours(6))
    job = replace(job, source=source_of(images), chunk=3)
    run_job(job)
    with pytest.raises(OutputError, match="add --resume"):
        run_job(job)
    with pytest.raises(OutputError, match="chunk is 2, was 3"):
        run_job(replace(job, chunk=2), resume=True)
    with pytest.raises(OutputError, match="archive_sha256"):
        run_job(replace(job, archive=replace(job.archive, sha256="0")), resume=True)
    assert run_job(job, resume=True).scored_now == 0
    write(images, {"00000a.png": b"new"})
    with pytest.raises(SourceError, match="is of other images"):
        run_job(job, resume=True)
    for name in ("00000a.png", "00003.png", "00004.png", "00005.png"):
        (images / name).unlink()
    with pytest.raises(SourceError, match="it had more images"):
        run_job(job, resume=True)


def test_a_folder_with_other_files_is_left_alone(job: Job) -> None:
    write(job.output, {"thesis.txt": b"words"})
    for resume in (False, True):
        with pytest.raises(OutputError, match="holds other files"):
            run_job(job, resume=resume)
    assert [path.name for path in job.output.iterdir()] == ["thesis.txt"]


def test_two_jobs_do_not_write_to_one_folder(job: Job) -> None:
    with (
        Journal.open(job.output, job.settings(), resume=False),
        pytest.raises(OutputError, match="another process writes"),
        Journal.open(job.output, job.settings(), resume=True),
    ):
        pass
