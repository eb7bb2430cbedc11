"""The record beside the weights as a file: readable JSON in UTF-8, written whole, read with doubt."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.errors import WeightsError
from training.files import write_atomically

Record = dict[str, Any]

SCHEMA_VERSION = 2  # of the keys; records before the first had no such key
# A record written by hand, for weights that were trained elsewhere, needs the first four; training writes all.
KEYS = ("model_name", "version", "network", "class_names")
ALL_KEYS = (*KEYS, "test", "calibration", "reduced_precision", "data", "training", "weights")


def read_record(path: Path, *, keys: Sequence[str] = KEYS) -> Record:
    """The record in a file; raises WeightsError if it is missing, lacks ``keys``, or is of another schema version."""
    record = parse_record(path)
    version = record.get("schema_version", 1 if "training" in record else SCHEMA_VERSION)
    if version == 1:
        raise WeightsError(f"{path} is of an older release: migrate it with `python train.py migrate {path}`.")
    if version != SCHEMA_VERSION:
        raise WeightsError(f"{path} has schema version {version}, this release reads {SCHEMA_VERSION}: update it.")
    _require(record, keys, path=path)
    return record


def parse_record(path: Path) -> Record:
    """The record in a file, of any schema version; raises WeightsError if it is missing or no record."""
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise WeightsError(f"There is no {path}: training writes a record (.json) beside the weights (.pt).") from error
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} cannot be read as a record ({error}): expected JSON as training writes it."
        ) from error
    if not isinstance(record, dict):
        raise WeightsError(f"{path} is no record: expected a JSON object as training writes it.")
    _require(record, KEYS, path=path)
    return record


def _require(record: Record, keys: Sequence[str], *, path: Path) -> None:
    if missing := [key for key in keys if key not in record]:
        raise WeightsError(f"{path} lacks {', '.join(missing)}: expected a record as training writes it.")


def write_record(path: Path, record: Record) -> None:
    """Write JSON for people: numbers rounded to six decimals, short lists and objects on one line."""
    text = _fold(json.dumps(_rounded(record), indent=2, ensure_ascii=False)) + "\n"
    write_atomically(path, text.encode())


def sha256_of(path: Path) -> str:
    """The file's SHA-256, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rounded(value: Any) -> Any:
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
