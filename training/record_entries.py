"""The entries of a record: what was trained, on what data, how, on which machine, and how good it is."""

import os
import platform
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from training import processes
from training.epochs import Progress
from training.evaluation import Evaluation
from training.record import Record
from training.trainers import AnySource, AnyTrainer


def evaluation_entry(evaluation: Evaluation, class_names: Sequence[str]) -> Record:
    """Accuracy overall, recall and precision per class (0 to 1), and the confusion matrix."""
    return {
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "recall": dict(zip(class_names, evaluation.recall, strict=True)),
        "precision": dict(zip(class_names, evaluation.precision, strict=True)),
        "confusion": evaluation.confusion.tolist(),
    }


def data_entry(source: AnySource, trainer: AnyTrainer, *, note: str | None) -> Record:
    """Where the images came from, the names of its class folders, how many images there are, and their fingerprint."""
    return {
        "source": note or source.description,
        "folder_names": list(source.folder_names),
        "train": len(trainer.train),
        "validation": len(trainer.validation) if trainer.validation else 0,
        "test": len(source.test),
        "fingerprint": source.fingerprint,
    }


def training_entry(trainer: AnyTrainer, *, argv: Sequence[str], note: str | None) -> Record:
    """Recipe, seed, selected epoch, time, machine, command and history of the run."""
    progress: Progress = trainer.progress
    seen = len(trainer.train) * progress.epoch
    return {
        "recipe": asdict(trainer.recipe),
        "seed": trainer.seed,
        "best_epoch": progress.best_epoch,
        "selected_by": "validation accuracy" if trainer.validation else "the last epoch: nothing is held out",
        "seconds": round(progress.seconds, 1),
        "images_per_s": round(seen / progress.seconds),
        "network_time_fraction": round(progress.network_seconds / progress.seconds, 3),
        "machine": machine_entry(trainer.device, note=note),
        "command": portable_command(argv),
        "history": progress.history,
        **({"teachers": trainer.teacher.records} if trainer.teacher else {}),
        **({"initial_weights": progress.initial_weights} if progress.initial_weights else {}),
    }


def teacher_entry(record: Record) -> Record:
    """What a student's record says of its teacher: which weights, how accurate, and how they were trained."""
    training: Record = record["training"]
    keys = ("recipe", "seed", "seconds", "machine", "command")
    return {
        "sha256": record["weights"]["sha256"],
        "flops_per_image": record["weights"]["flops_per_image"],
        "accuracy": record["test"]["accuracy"],
        **{key: training[key] for key in keys},
    }


def machine_entry(device: torch.device, *, note: str | None) -> Record:
    """The machine and the versions that the figures depend on."""
    entry = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor_name(),
        "cores": os.cpu_count(),
        "processes": processes.world_size(),
        "threads": torch.get_num_threads(),  # of each process
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("torch", "torchvision", "pillow", "numpy")},
    }
    return entry | ({"note": note} if note else {})


def portable_command(argv: Sequence[str]) -> str:
    """The command as typed, with absolute paths cut to their last part; bytes that are not UTF-8 are escaped."""
    arguments = (re.sub(r"^(--[\w-]+=)?/(?:.*/)?(?=[^/])", r"\1", part.rstrip("/")) for part in argv)
    several = ["torchrun", "--nproc-per-node", str(processes.world_size())]
    command = shlex.join([*(several if processes.world_size() > 1 else ["python"]), *arguments])
    return command.encode("utf-8", "backslashreplace").decode()


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
