"""The record beside the weights: what was trained, on what, how, and how good it is, as readable JSON."""

import hashlib
import json
import os
import platform
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training import processes
from training.evaluation import Evaluation, agreement, close_calls
from training.loop import Progress, Trainer
from training.sources import Source

Record = dict[str, Any]


def evaluation_entry(evaluation: Evaluation, class_names: Sequence[str]) -> Record:
    """Accuracy overall and per class, shares from 0 to 1."""
    return {
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "recall": _by_class(class_names, evaluation.recall),
        "precision": _by_class(class_names, evaluation.precision),
        "confusion": evaluation.confusion.tolist(),
    }


def few_bits_entry(exact: Tensor, coarse: Tensor, *, close_call: float) -> Record:
    """How often logits in few bits give the class of float32, all (N, K): alone, and with close calls in float32."""
    close = close_calls(coarse, lead=close_call)
    return {
        "same_class_alone": agreement(exact, coarse),
        "close_calls": close.double().mean().item(),
        "same_class": agreement(exact, torch.where(close[:, None], exact, coarse)),
    }


def data_entry(source: Source, trainer: Trainer, *, note: str | None) -> Record:
    """Where the pictures came from, how many, and the fingerprint of them all."""
    return {
        "source": note or source.description,
        "train": len(trainer.train),
        "validation": len(trainer.validation) if trainer.validation else 0,
        "test": len(source.test),
        "fingerprint": source.fingerprint,
    }


def training_entry(trainer: Trainer, *, argv: Sequence[str], note: str | None) -> Record:
    """Recipe, seed, time and the command that did it."""
    progress: Progress = trainer.progress
    seen = len(trainer.train) * progress.epoch
    return {
        "recipe": asdict(trainer.recipe),
        "seed": trainer.seed,
        "chosen_epoch": progress.chosen_epoch,
        "chosen_by": "validation accuracy" if trainer.validation else "the last epoch: nothing is held out",
        "seconds": round(progress.seconds, 1),
        "pictures_per_s": round(seen / progress.seconds),
        "network_share_of_seconds": round(progress.network_seconds / progress.seconds, 3),
        "machine": machine_entry(trainer.device, note=note),
        "command": portable_command(argv),
        "history": progress.history,
        **({"taught_by": trainer.teacher.origins} if trainer.teacher else {}),
        **({"earlier": progress.earlier} if progress.earlier else {}),
    }


def origin(record: Record) -> Record:
    """Of a network that teaches: which weights, how good, and what made them."""
    training: Record = record["training"]
    told = ("recipe", "seed", "seconds", "machine", "command")
    return {
        "sha256": record["weights"]["sha256"],
        "flops_per_picture": record["weights"]["flops_per_picture"],
        "accuracy": record["test"]["accuracy"],
        **{fact: training[fact] for fact in told},
    }


def machine_entry(device: torch.device, *, note: str | None) -> Record:
    """The machine and the versions that the figures depend on."""
    entry = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor_name(),
        "cores": os.cpu_count(),
        "processes": processes.count(),
        "threads": torch.get_num_threads(),  # of each process
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("torch", "torchvision", "pillow", "numpy")},
    }
    return entry | ({"note": note} if note else {})


def portable_command(argv: Sequence[str]) -> str:
    """The command as typed, without the places of this machine: of an absolute path only its last part stays."""
    placeless = (re.sub(r"^(--[\w-]+=)?/(?:.*/)?(?=[^/])", r"\1", part.rstrip("/")) for part in argv)
    several = ["torchrun", "--nproc-per-node", str(processes.count())]
    return shlex.join([*(several if processes.count() > 1 else ["python"]), *placeless])


def sha256_of(path: Path) -> str:
    """The file's SHA-256, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_record(path: Path, record: Record) -> None:
    """Write JSON for people: numbers in one line where they belong together."""
    path.write_text(_fold(json.dumps(_rounded(record), indent=2, ensure_ascii=False)) + "\n")


def _by_class(class_names: Sequence[str], shares: Sequence[float | None]) -> dict[str, float | None]:
    return dict(zip(class_names, shares, strict=True))


def _rounded(value: Any) -> Any:
    """Six decimals are more than any figure here is good for."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _fold(text: str) -> str:
    """Join the lines of every innermost list and object that then fits a line."""
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if line.lstrip().startswith(("]", "}")):
            start = max(i for i, each in enumerate(lines[:-1]) if each.endswith(("[", "{")))
            joined = lines[start] + " ".join(each.strip() for each in lines[start + 1 : -1]) + line.strip()
            if len(joined) <= 120:
                lines[start:] = [joined]
    return "\n".join(lines)


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
