"""Images in Parquet tables: a column of bytes, of paths, or of structs with a field `bytes` (Hugging Face's)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.chunks import Columns, Entry, TableRows
from scoring.errors import SourceError

ROWS_AT_ONCE = 32


def rows_of_table(path: str, columns: Columns, *, size: int) -> Iterator[TableRows]:
    """Cut a table into runs of at most `size` rows; none spans two row groups, and nothing is read but the footer.

    Raises:
        SourceError: it is no Parquet, or lacks a column, or the image column holds neither bytes nor text.
    """
    try:
        with pq.ParquetFile(path) as table:
            _check(table.schema_arrow, columns, path)
            first = 0
            for group in range(table.metadata.num_row_groups):
                rows = table.metadata.row_group(group).num_rows
                for skip in range(0, rows, size):
                    yield TableRows(path, group, first, skip, min(size, rows - skip), columns)
                first += rows
    except (pa.ArrowException, OSError) as fault:
        raise SourceError(f"{path} cannot be read as Parquet: {fault}") from fault


def _check(schema: pa.Schema, columns: Columns, path: str) -> None:
    for name in filter(None, (columns.image, columns.key, columns.label)):
        if name not in schema.names:
            raise SourceError(f"{path} has no column {name!r}; it has {', '.join(schema.names)}")
    kind = schema.field(columns.image).type
    if not (_is_bytes(kind) or _is_text(kind) or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)):
        raise SourceError(f"{path}: column {columns.image!r} is of type {kind}; expected bytes, paths or structs")


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


class TableReader:
    """Reads runs of rows, and keeps its place: the next run of the same row group goes on from there."""

    def __init__(self) -> None:
        self._rows: Iterator[tuple[pa.RecordBatch, int]] = iter(())
        self._group: tuple[str, int] | None = None
        self._place = 0

    def entries(self, rows: TableRows, *, root: Path | None) -> Iterator[Entry]:
        """Yield the images of a run; one that is missing (null) has no bytes."""
        if self._group != (rows.path, rows.row_group) or self._place > rows.skip:
            self._group, self._place, self._rows = (rows.path, rows.row_group), 0, _walk(rows)
        while self._place < rows.skip:
            next(self._rows)
            self._place += 1
        for number in range(rows.first + rows.skip, rows.first + rows.skip + rows.count):
            batch, index = next(self._rows)
            self._place += 1
            yield _entry(batch, index, rows, number=number, root=root)


def _walk(rows: TableRows) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Each row of a row group, as a batch and an index in it; a buffer of 1 MB keeps memory flat."""
    named = {rows.columns.image, rows.columns.key, rows.columns.label} - {None}
    with pq.ParquetFile(rows.path, buffer_size=1 << 20, pre_buffer=False) as table:
        for batch in table.iter_batches(ROWS_AT_ONCE, row_groups=[rows.row_group], columns=sorted(map(str, named))):
            for index in range(batch.num_rows):
                yield batch, index


def _entry(batch: pa.RecordBatch, index: int, rows: TableRows, *, number: int, root: Path | None) -> Entry:
    def value(name: str | None) -> Any:
        return None if name is None else batch.column(name)[index].as_py()

    image, key, label = value(rows.columns.image), value(rows.columns.key), value(rows.columns.label)
    if isinstance(image, dict):
        image = image.get("bytes") or image.get("path")
    if isinstance(image, str):
        key = image if key is None else key
        image = str(root / image) if root else image
    key = f"{rows.path}:{number}" if key is None else str(key)
    return Entry(key, b"" if image is None else image, None if label is None else str(label))
