"""The parts of the output: one file a chunk, in Parquet, CSV or JSON lines, there whole or not at all."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.rows import Rows

FORMATS = ("parquet", "csv", "jsonl")
TOP = pa.list_(pa.struct([("class", pa.int32()), ("class_name", pa.string()), ("probability", pa.float64())]))
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("class", pa.int32()),
        pa.field("class_name", pa.string()),
        pa.field("probability", pa.float64()),
        pa.field("margin", pa.float64()),
        pa.field("top", TOP),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("error_type", pa.string()),
        pa.field("error_message", pa.string()),
    ]
)
COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)


def part_name(index: int, form: str) -> str:
    """The file name of a chunk's part; names sort as chunks do."""
    return f"part-{index:07}.{form}"


class PartWriter:
    """Writes parts into a folder.

    Args:
        folder: of the output.
        form: one of `FORMATS`.
        class_names: in the order of the indexes.
        version: of the model.
    """

    def __init__(self, folder: Path, form: str, *, class_names: Sequence[str], version: str) -> None:
        self._folder, self._form, self._version = folder, form, version
        self._names = pa.array(class_names, pa.string())
        self._write: Callable[[pa.Table, Any], None] = {
            "parquet": lambda table, file: pq.write_table(table, file, compression="zstd"),
            "csv": write_csv,
            "jsonl": write_json_lines,
        }[form]

    def write(self, index: int, rows: Rows) -> str:
        """Write the part of a chunk, to the disk and under its name at once; return the name."""
        name = part_name(index, self._form)
        scratch = self._folder / f".{name}.{os.getpid()}"
        try:
            with scratch.open("wb") as file:
                self._write(self.table(rows), file)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self._folder / name)
        finally:
            scratch.unlink(missing_ok=True)
        return name

    def table(self, rows: Rows) -> pa.Table:
        """The rows as a table of `SCHEMA`."""
        classes, probabilities, margins = rows.answers()
        count, (answered, top_k) = len(rows.keys), classes.shape
        place = np.full(count, -1)
        place[rows.classified] = np.arange(answered)
        spread = pa.array(place, mask=place < 0)  # takes each row's answer, and null where there is none
        best = pa.array(classes[:, 0], pa.int32())
        flat = pa.array(classes.ravel(), pa.int32())
        struct = pa.StructArray.from_arrays(
            [flat, self._names.take(flat), pa.array(probabilities.ravel())], fields=list(TOP.value_type)
        )
        top = pa.ListArray.from_arrays(pa.array(np.arange(answered + 1) * top_k, pa.int32()), struct, type=TOP)
        errors = [rows.errors.get(number) for number in range(count)]
        columns = [
            pa.array(rows.keys, pa.string()),
            pa.array(rows.labels, pa.string()),
            best.take(spread),
            self._names.take(best).take(spread),
            pa.array(probabilities[:, 0]).take(spread),
            pa.array(margins).take(spread),
            top.take(spread),
            pa.array([self._version] * count, pa.string()),
            pa.array([error and error.type for error in errors], pa.string()),
            pa.array([error and error.message for error in errors], pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)


def write_csv(table: pa.Table, file: Any, *, header: bool = True) -> None:
    """Write a table as CSV (RFC 4180, UTF-8); `top` is JSON text, what is missing is empty."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    lines = csv.writer(text, lineterminator="\n")
    if header:
        lines.writerow(COLUMNS)
    for row in table.to_pylist():
        if row["top"] is not None:
            row["top"] = json.dumps(row["top"], separators=(",", ":"))
        lines.writerow(["" if value is None else value for value in row.values()])
    text.flush()
    text.detach()


def write_json_lines(table: pa.Table, file: Any) -> None:
    """Write a table as one JSON object a row, UTF-8, each with every column."""
    for row in table.to_pylist():
        file.write(json.dumps(row, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n")


def read_parts(folder: Path, form: str, names: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each part, a part at a time, as dicts by column with Python's values."""
    for name in names:
        path = folder / name
        if form == "parquet":
            yield pq.read_table(path, schema=SCHEMA).to_pylist()
        elif form == "jsonl":
            with path.open(encoding="utf-8") as lines:
                yield [json.loads(line) for line in lines]
        else:
            with path.open(encoding="utf-8", newline="") as file:
                yield [_from_csv(row) for row in csv.DictReader(file)]


def _from_csv(row: dict[str, str]) -> dict[str, Any]:
    numbers: dict[str, Callable[[str], Any]] = {"class": int, "probability": float, "margin": float, "top": json.loads}
    return {name: numbers.get(name, str)(value) if value else None for name, value in row.items()}
