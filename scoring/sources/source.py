"""An input as chunks, whatever it is; counted beforehand for the progress bar."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from scoring.chunks import Chunk, Columns, Entry, TableRows, chunks_of
from scoring.errors import SourceError
from scoring.labels import Labels
from scoring.sources.files import PassedOver, files_of, is_table, is_tar

COUNTED_AT_ONCE = 1000


@dataclass(frozen=True)
class Source:
    """An input and how it is read.

    Attributes:
        text: the input as the user named it.
        columns: of Parquet tables; None where the user names no column.
        root: what paths in lists and tables are relative to; the working directory if None.
        labels: names of labels, where the folder of an image is its label; None where it is not.
    """

    text: str
    columns: Columns | None = None
    root: Path | None = None
    labels: Labels | None = None
    passed_over: PassedOver = field(default_factory=PassedOver)

    def chunks(self, *, size: int) -> Iterator[Chunk]:
        """Every image, in chunks; the same ones each time, as long as the input is the same.

        Raises:
            SourceError: the input, or a tar or a table of it, cannot be read.
        """
        self.passed_over.files = 0
        return chunks_of(self._pieces(size, self.passed_over), size=size)

    def count(self, add: Callable[[int], None], stop: threading.Event) -> None:
        """Call `add` with the number of images found, again and again, until all are counted or `stop` is set."""
        waiting = 0
        for piece in self._pieces(1 << 60, PassedOver()):
            waiting += piece.count if isinstance(piece, TableRows) else 1
            if waiting >= COUNTED_AT_ONCE:
                add(waiting)
                waiting = 0
            if stop.is_set():
                return
        add(waiting)

    def _pieces(self, size: int, passed_over: PassedOver) -> Iterator[Entry | TableRows]:
        for path in files_of(self.text, root=self.root, passed_over=passed_over):
            if is_table(path):
                if self.columns is None:
                    raise SourceError(f"{path} is a Parquet table: name the column of its images (--image-column)")
                from scoring.sources.tables import rows_of_table

                yield from rows_of_table(path, self.columns, size=size)
            elif is_tar(path):
                from scoring.sources.tars import entries_of_tar

                yield from entries_of_tar(path)
            else:
                yield Entry(readable(path), path, self._label(path))

    def _label(self, path: str) -> str | None:
        """The folder of an image; one that is no class would be a mistake in the command, so it is said at once."""
        if self.labels is None:
            return None
        folder = PurePath(path).parent.name
        self.labels.index_of(folder)
        return folder


def readable(path: str) -> str:
    """A path as text that can be written in UTF-8: bytes of a name that are none become `\\\\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
