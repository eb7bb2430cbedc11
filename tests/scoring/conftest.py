"""Images of every kind and broken ones in folders, the shipped LeNet's archive, and jobs over them."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scoring.archive import Archive
from scoring.chunks import Columns
from scoring.job import Job, Summary, run_here
from scoring.journal import Journal
from scoring.labels import Labels
from scoring.parts import read_parts
from scoring.sources.source import Source
from tests.sample_pictures import cat, encoded, every_kind, jpeg, png_bomb, tiff_of_tags

SUFFIXES = {"jpeg": ".jpg", "webp": ".webp", "gif": ".gif", "bmp": ".bmp", "tiff": ".tif"}
BROKEN = {
    "broken/bomb.png": png_bomb(20_000, 20_000),
    "broken/cut.jpg": jpeg()[:300],
    "broken/empty.jpg": b"",
    "broken/heavy.jpg": jpeg() + bytes(10_000_000),
    "broken/json.jpg": b'{"image": 1}',
    "broken/text.jpg": b"hello",
    "broken/signed.tif": tiff_of_tags((339, 3, 1, 2)),
}
Run = Callable[..., Summary]


def kinds() -> dict[str, bytes]:
    """An image of every kind, by the name of its file."""
    images = every_kind(cat())
    return {f"{name.replace(' ', '-')}{SUFFIXES.get(name.split()[-1], '.png')}": data for name, data in images.items()}


def colours(count: int) -> dict[str, bytes]:
    """Small images, no two alike, by the name of their file."""
    return {
        f"{index:05}.png": encoded(Image.new("RGB", (32, 32), (index % 256, index // 256, 128)), "PNG")
        for index in range(count)
    }


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder, and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    """Write files into a tar, and return its path."""
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of every kind, seven broken ones, and files that are no images by name; not to be changed."""
    files = {f"kinds/{name}": data for name, data in kinds().items()}
    others = {"notes.md": b"# Notes", "kinds/._cat.jpg": b"what macOS leaves"}
    return write(tmp_path_factory.mktemp("mixed"), files | BROKEN | others)


@pytest.fixture(scope="session")
def archive(store: Path) -> Archive:
    """The shipped LeNet."""
    return Archive.read(next(store.glob("*.mar")))


def changed_code(archive: Archive, target: Path, old: str, new: str) -> Archive:
    """The archive with another line in its `images/decode.py`."""
    name = "images/decode.py"
    with zipfile.ZipFile(archive.path) as files, zipfile.ZipFile(target, "w") as changed:
        for each in files.namelist():
            content = files.read(each)
            if each == name:
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode(), 1)
            changed.writestr(each, content)
    return Archive.read(target)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "answers"


def source_of(text: Path | str, *, columns: Columns | None = None, labels: Labels | None = None) -> Source:
    return Source(str(text), columns, None, labels)


def run_job(job: Job, *, resume: bool = False) -> Summary:
    """Run a job on this machine."""
    with Journal.open(job.output, job.settings(), resume=resume) as journal:
        return run_here(job, journal, on_progress=lambda done: None)


def rows_of(job: Job) -> list[dict[str, Any]]:
    """Every row of the output, in order, whatever the journal says."""
    names = sorted(path.name for path in job.output.glob("part-*"))
    return [row for rows in read_parts(job.output, job.form, names) for row in rows]
