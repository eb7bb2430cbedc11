"""Results: JSON documents under `benchmarks/results/`, each written by the command that it names."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import hardware
from serving.settings import PROJECT

RESULTS = PROJECT / "benchmarks" / "results"


def header() -> dict[str, Any]:
    """What every result says first: when it was measured, by which command, on what."""
    return {
        "date": date.today().isoformat(),
        "command": hardware.command_line(),
        "hardware": hardware.describe(),
    }


def report(document: Mapping[str, Any], *, save: Path | None) -> None:
    """Print a result as a line of JSON, once it is written to `save`, where that is given."""
    if save:
        write_result(save, document)
    print(json.dumps(document))


def write_result(path: Path, document: Mapping[str, Any]) -> None:
    """Write a result whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(document, indent=1) + "\n")
    part.replace(path)
