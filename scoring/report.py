"""A page about the answers of a job: one HTML file that needs no other, and no network."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from handler.errors import RequestError
from images.decode import decode_image
from images.errors import ImageError
from scoring.chunks import Chunk, Entry, TableRows
from scoring.job import Job
from scoring.journal import read_journal
from scoring.labels import Labels
from scoring.parts import read_parts
from scoring.reading import read_image
from scoring.sources.tables import TableReader
from scoring.statistics import Labelled, Uncertain, gather

TEMPLATE = "report.html.jinja"
THUMBNAIL = 96  # pixels a side
MAX_BYTES = 100 << 20
MAX_CLASSES = 30  # of the confusion matrix; of more, only the commonest confusions are listed
CONFUSIONS = 10


@dataclass(frozen=True)
class Thumbnail:
    """One of the least certain images; `picture` is a data URL, or None where the image is gone."""

    key: str
    label: str | None
    margin: float
    top: Sequence[dict[str, Any]]
    picture: str | None


def write_report(job: Job, path: Path) -> None:
    """Write the page about the parts in the output of a completed job.

    Raises:
        OSError: the page, or a part, cannot be read or written.
    """
    done = read_journal(job.output)
    parts = read_parts(job.output, job.form, [done[index].part for index in sorted(done)])
    found = gather(parts, job.archive.class_names, Labels.of(job.archive.class_names, job.archive.folder_names))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template(TEMPLATE).render(
        input=job.source.text,
        model=f"{job.archive.model} {job.archive.version}",
        archive_sha256=job.archive.sha256,
        date=date.today().isoformat(),
        found=found,
        most=max(found.classes.values(), default=0) or 1,
        thumbnails=thumbnails(job, found.least_certain),
        class_names=job.archive.class_names,
        confusions=confusions(found.labelled, job.archive.class_names),
        show_matrix=len(job.archive.class_names) <= MAX_CLASSES,
    )
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_text(page, encoding="utf-8")
    scratch.replace(path)


def confusions(labelled: Labelled | None, class_names: Sequence[str]) -> list[tuple[str, str, int]]:
    """The commonest wrong answers: label, answer, how often."""
    if labelled is None:
        return []
    pairs = [
        (class_names[label], class_names[answer], int(count))
        for (label, answer), count in np.ndenumerate(labelled.confusion)
        if label != answer and count
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:CONFUSIONS]


def thumbnails(job: Job, uncertain: Sequence[Uncertain]) -> list[Thumbnail]:
    """The images of these rows; the input is listed once more to find them, up to the last of them."""
    wanted: dict[int, list[int]] = {}
    for each in uncertain:
        wanted.setdefault(each.part, []).append(each.number)
    pictures: dict[tuple[int, int], str | None] = {}
    for chunk in job.source.chunks(size=job.chunk) if wanted else ():
        for number in wanted.pop(chunk.index, ()):
            pictures[chunk.index, number] = _picture(_entry(chunk, number, job.source.root))
        if not wanted:
            break
    return [
        Thumbnail(
            each.row["key"], each.row["label"], each.margin, each.row["top"][:3], pictures[each.part, each.number]
        )
        for each in uncertain
    ]


def _entry(chunk: Chunk, number: int, root: Path | None) -> Entry:
    if not isinstance(chunk.entries, TableRows):
        return chunk.entries[number]
    return list(TableReader().entries(chunk.entries, root=root))[number]


def _picture(entry: Entry) -> str | None:
    """The image as a data URL of a small JPEG."""
    try:
        pixels = decode_image(read_image(entry.where, max_bytes=MAX_BYTES), image_size=THUMBNAIL)
    except (ImageError, RequestError, OSError):
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
