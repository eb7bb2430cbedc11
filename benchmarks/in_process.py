"""What a stack answers in process, without a server, and how fast: the reference for its answers under load."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cascade import shares
from benchmarks.errors import BenchmarkError
from benchmarks.peers.servers import one_thread
from benchmarks.uploads import Sample, Upload
from serving.settings import PROJECT

Variables = Mapping[str, str]


@dataclass(frozen=True)
class Answers:
    """What a stack answers to a sample.

    Args:
        uploads: the images with the classes to expect of a server.
        accuracy: the share of images whose true class is named in batches; None where no labels are known.
        description: what the engine says of itself afterwards.
        stage_shares: the share of images that each stage of a cascade answers; empty without one.
    """

    uploads: tuple[Upload, ...]
    accuracy: float | None
    description: Mapping[str, Any]
    stage_shares: tuple[float, ...] = ()


def answer(sample: Sample, *, python: Path, variables: Variables) -> Answers:
    """Let one process classify a sample, each image alone and in batches of 32.

    Raises:
        BenchmarkError: the process failed, or names one class for all images: wrong answers could not be told.
    """
    (found,) = run_workers(["answers"], sample, python=python, variables=variables, processes=1)
    return judge(sample, found)


def judge(sample: Sample, found: Mapping[str, Any]) -> Answers:
    """Turn a worker's classes into what is expected of a server.

    Raises:
        BenchmarkError: it names one class for all images.
    """
    expected = [frozenset(classes) for classes in zip(found["alone"], found["batched"], strict=True)]
    if len(frozenset().union(*expected)) < 2:
        raise BenchmarkError("the network names one class for every image; wrong answers could not be told from right")
    right = [best == label for best, label in zip(found["batched"], sample.labels, strict=False)]
    return Answers(
        uploads=tuple(Upload(jpeg, classes) for jpeg, classes in zip(sample.jpegs, expected, strict=True)),
        accuracy=sum(right) / len(right) if right else None,
        description=found["description"],
        stage_shares=tuple(shares(found.get("stages", []))),
    )


def images_per_s(sample: Sample, *, python: Path, variables: Variables, seconds: float, processes: int = 1) -> float:
    """Images a second that so many processes together decode and classify in batches of 32.

    Raises:
        BenchmarkError: a process failed.
    """
    outputs = run_workers(["rate", str(seconds)], sample, python=python, variables=variables, processes=processes)
    return sum(float(output["images_per_s"]) for output in outputs)


def run_workers(
    command: Sequence[str], sample: Sample, *, python: Path, variables: Variables, processes: int
) -> list[dict[str, Any]]:
    """Run in_process_worker.py so many times at once, and return the JSON documents it writes."""
    name, *options = command
    with TemporaryDirectory(prefix="in-process-") as scratch:
        for index, jpeg in enumerate(sample.jpegs):
            (Path(scratch) / f"{index:05}.jpg").write_bytes(jpeg)
        running = [
            subprocess.Popen(
                [python, "-m", "benchmarks.in_process_worker", name, scratch, *options],
                cwd=PROJECT,
                env=one_thread() | dict(variables),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        outputs = [process.communicate() for process in running]
    for process, (_, errors) in zip(running, outputs, strict=True):
        if process.returncode:
            raise BenchmarkError(f"a process without a server failed:\n{errors.strip()[-2000:]}")
    return [json.loads(output.splitlines()[-1]) for output, _ in outputs]
