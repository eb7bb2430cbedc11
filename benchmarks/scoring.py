"""`pixserve score` beside what else classifies a folder on this machine: same images, same run.

    python -m benchmarks.scoring                                       100,000 images, version 3.0
    python -m benchmarks.scoring --record model/cifar10-1.0.json --ray-images 20000

Beside it: the engine alone in as many processes, fed from memory (the ceiling); `pixserve predict FOLDER` against a
running server; a loop over torchvision's ImageFolder with the network in torch; and Ray on this machine. The last line
of standard output is one JSON document.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import pyarrow.parquet as pq
import typer
from rich.console import Console

import archive
from benchmarks import command
from benchmarks.contestants import ProjectContestant
from benchmarks.errors import BenchmarkError
from benchmarks.project import served, unpacked
from benchmarks.records import newest_record
from benchmarks.results import header, report
from benchmarks.scoring_images import ENLARGED_EVERY, make_folder
from benchmarks.uploads import Sample
from serving.machine import this_machine
from serving.settings import PROJECT

CEILING_S = 8.0
SAMPLE = 1000

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass
class Memory:
    """Resident memory of a process and all below it (bytes), once a second."""

    samples: list[int]

    def watch(self, process: subprocess.Popen[str]) -> None:
        """Sample until the process has ended."""
        while process.poll() is None:
            try:
                root = psutil.Process(process.pid)
                tree = [root, *root.children(recursive=True)]
                self.samples.append(sum(each.memory_info().rss for each in tree))
            except psutil.NoSuchProcess:
                continue
            time.sleep(1)

    def quarters_mb(self) -> list[int]:
        """The highest of each quarter of the time, in MB."""
        quarter = max(1, len(self.samples) // 4)
        return [max(self.samples[start : start + quarter]) >> 20 for start in range(0, quarter * 4, quarter)][:4]


def score(folder: Path, output: Path, packed: Path, *options: str) -> dict[str, Any]:
    """Run `pixserve score`; returns its summary with the memory that it took.

    Raises:
        BenchmarkError: it failed.
    """
    words = [sys.executable, "-m", "pixserve", "score", str(folder), str(output), "--archive", str(packed), *options]
    process = subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    memory = Memory([])
    watcher = threading.Thread(target=memory.watch, args=(process,))
    watcher.start()
    printed, errors = process.communicate()
    watcher.join()
    if process.returncode not in (0, 3):
        raise BenchmarkError(f"pixserve score failed:\n{errors[-2000:]}")
    summary: dict[str, Any] = json.loads(printed)
    return summary | {"memory_mb": memory.quarters_mb()}


def predict(folder: Path, url: str, answers: Path) -> float:
    """Images a second of `pixserve predict`, and its answers in a file of JSON lines."""
    words = [sys.executable, "-m", "pixserve", "--url", url, "predict", str(folder), "--json"]
    began_s = time.perf_counter()
    with answers.open("w") as file:
        subprocess.run(words, cwd=PROJECT, stdout=file, check=True)
    return len(answers.read_text().splitlines()) / (time.perf_counter() - began_s)


def differing(answers: Path, output: Path) -> int:
    """How many images have another answer in the output of `pixserve score` than from the server."""
    rows = {row["key"]: row for row in pq.read_table(output).to_pylist()}
    served_answers = [json.loads(line) for line in answers.read_text().splitlines()]
    if len(served_answers) != len(rows):
        raise BenchmarkError(f"{len(rows)} rows beside {len(served_answers)} answers of the server")
    names = ("class", "class_name", "probability", "top", "model_version")
    return sum(any(rows[each["file"]][name] != each[name] for name in names) for each in served_answers)


def ceiling(record: Path, images: Sequence[Path]) -> float:
    """Images a second that a process a core decodes and classifies from memory, without files or rows."""
    contestant = ProjectContestant(record)
    sample = Sample(tuple(path.read_bytes() for path in images))
    return contestant.images_per_s(sample, seconds=CEILING_S)


def measure(
    record: Path, scratch: Path, *, images: int, few: int, torch_images: int, ray_images: int
) -> dict[str, Any]:
    """All of it; see the module."""
    processes = this_machine().cores
    packed, _ = archive.build(record, store=scratch / "store")
    small = make_folder(scratch / "small", few, enlarged=False, broken=False)
    found: dict[str, Any] = {"images": images, "processes": processes}
    found["ceiling_images_per_s"] = ceiling(record, sorted(small.rglob("*.jpg"))[:: max(1, few // SAMPLE)])
    progress.print(f"the engine alone: {found['ceiling_images_per_s']:.0f} images/s; {few:,} small images next")
    found["small"] = score(small, scratch / "small-answers", packed)
    with served(record) as (server, _):
        found["predict_images_per_s"] = predict(small, server.settings.inference, scratch / "predict.jsonl")
    found["answers_that_differ"] = differing(scratch / "predict.jsonl", scratch / "small-answers")
    progress.print(f"pixserve predict: {found['predict_images_per_s']:.0f} images/s; torch next")
    found["torch_images_per_s"] = torch_loop(record, scratch, torch_images)
    if ray_images:
        progress.print("Ray next")
        for_ray = make_folder(scratch / "ray", ray_images, enlarged=False, broken=False)
        found["here"] = score(for_ray, scratch / "here-answers", packed)
        found["ray"] = score(for_ray, scratch / "ray-answers", packed, "--ray", "local")
    progress.print(f"{images:,} images next, one in {ENLARGED_EVERY} enlarged, some broken")
    many = make_folder(scratch / "many", images, enlarged=True, broken=True)
    found["many"] = score(many, scratch / "many-answers", packed)
    return found | {"ratios": ratios(found)}


def torch_loop(record: Path, scratch: Path, images: int) -> float:
    """Images a second of the loop in torch."""
    folder = make_folder(scratch / "torch", images, enlarged=False, broken=False)
    with unpacked(record) as model_dir:
        words = [sys.executable, "-m", "benchmarks.torch_loop", str(model_dir), str(folder), str(scratch / "torch.csv")]
        done = subprocess.run(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout)["images_per_s"])


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """How many times as fast `pixserve score` was, its workers' start included."""
    rate = found["small"]["images_per_s"]
    compared = {
        "to_ceiling": rate / found["ceiling_images_per_s"],
        "to_predict": rate / found["predict_images_per_s"],
        "to_torch": rate / found["torch_images_per_s"],
    }
    if "ray" in found:
        compared["ray_to_here"] = found["ray"]["images_per_s"] / found["here"]["images_per_s"]
    return {name: round(value, 3) for name, value in compared.items()}


@app.command()
def scoring(
    record: Annotated[Path | None, typer.Option(help="The record to score with; the newest of model/.")] = None,
    images: Annotated[int, typer.Option(min=1, help="Images of the long run.")] = 100_000,
    few: Annotated[int, typer.Option(min=1, help="Images of the runs that are compared.")] = 10_000,
    torch_images: Annotated[int, typer.Option(min=1, help="Images of the loop in torch.")] = 3_000,
    ray_images: Annotated[int, typer.Option(min=0, help="Images with and without Ray; 0 leaves it out.")] = 10_000,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Measure batch scoring."""
    chosen = record or newest_record(PROJECT / "model")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        found = measure(chosen, Path(scratch), images=images, few=few, torch_images=torch_images, ray_images=ray_images)
    document = header() | {"record": chosen.name, **found}
    report(document, save=save)


if __name__ == "__main__":
    command.run(app)
