"""Which network a peer serves, and in which precision: the environment variables that tell it."""

import functools
import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.in_process import Answers, answer, images_per_s
from benchmarks.peers import environment_variables as variables
from benchmarks.peers.environment import ENVIRONMENTS
from benchmarks.uploads import Sample, sample_images
from serving.settings import PROJECT

CONVERTER = Path(__file__).with_name("convert.py")
TRIAL_S = 1.0
TRIAL_IMAGES = 320
MIN_GAIN = 1.1


def network_variables(engine: str, record: Path, precision: str) -> dict[str, str]:
    """The environment variables for an engine that serves a record's network; OpenVINO's IR is made if need be.

    Raises:
        BenchmarkError: the network cannot be converted.
    """
    found = {
        variables.ENGINE: engine,
        variables.RECORD: str(record.resolve()),
        variables.PRECISION: precision,
    }
    return found if engine == "torch" else found | {variables.IR: str(converted(record.resolve()) / f"{precision}.xml")}


def converted(record: Path) -> Path:
    """The folder with `fp32.xml` and `int8.xml` of a record; made once for these weights and this converter.

    Raises:
        BenchmarkError: it cannot be made.
    """
    inputs = record.with_suffix(".pt").read_bytes() + CONVERTER.read_bytes()
    peers = ENVIRONMENTS["peers"]
    folder = peers.folder / "openvino" / f"{record.stem}-{hashlib.sha256(inputs).hexdigest()[:12]}"
    if not (folder / "int8.bin").exists():  # what is written last
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(peers.python), "-m", "benchmarks.peers.convert", str(record), str(folder)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkError(f"{record} cannot be converted for OpenVINO:\n{done.stderr.strip()[-2000:]}")
    return folder


@functools.cache
def fastest_precision(engine: str, precisions: tuple[str, ...], record: Path) -> str:
    """The precision in which one process classifies the most images a second on this machine.

    A reduced precision has to be faster than float32 by `MIN_GAIN`: a short trial of a small network is noise.
    """
    sample = sample_images(TRIAL_IMAGES)

    def rate(precision: str) -> float:
        given = network_variables(engine, record, precision)
        measured = images_per_s(sample, python=ENVIRONMENTS["peers"].python, variables=given, seconds=TRIAL_S)
        return measured * MIN_GAIN if precision == "fp32" else measured

    return max(precisions, key=rate)


@functools.cache
def peer_answers(engine: str, record: Path, precision: str, sample: Sample) -> Answers:
    """What an engine answers to a sample in process: the same for every peer that has this engine."""
    given: Mapping[str, str] = network_variables(engine, record, precision)
    return answer(sample, python=ENVIRONMENTS["peers"].python, variables=given)
