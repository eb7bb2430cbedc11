"""Rows say what the server answers, to the last printed digit, for images of every kind and for broken ones."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ts.context import Context, RequestProcessor

from handler.image_handler import ImageHandler
from scoring.archive import Archive, manifest_model
from scoring.job import Job
from tests.scoring.conftest import changed_code, kinds, rows_of, run_job, source_of, write

BATCH = 32


@pytest.fixture(scope="session")
def handler(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageHandler, Context]:
    """TorchServe's worker, without TorchServe: the handler with what the archive holds."""
    folder = archive.unpack(tmp_path_factory.mktemp("unpacked"))
    context = Context("cifar10", str(folder), {"model": manifest_model(folder)}, BATCH, None, "0.12.0")
    handler = ImageHandler()
    handler.initialize(context)
    return handler, context


def answers(handler: tuple[ImageHandler, Context], images: list[bytes]) -> list[dict[str, Any]]:
    entry, context = handler
    found = []
    for start in range(0, len(images), BATCH):
        batch = [{"body": bytearray(image)} for image in images[start : start + BATCH]]
        context.request_processor = [RequestProcessor({"explain": "False", "url_path": ""}) for _ in batch]
        found += entry.handle(batch, context)
    return [json.loads(answer) for answer in found]


def as_row(answer: dict[str, Any]) -> dict[str, Any]:
    """The columns that come from an answer."""
    if "code" in answer:
        return {"error_type": answer["type"], "error_message": answer["message"], "class": None, "top": None}
    names = ("class", "class_name", "probability", "top", "model_version")
    return {name: answer[name] for name in names} | {"error_type": None, "error_message": None}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_each_row_is_what_the_handler_answers(form: str, mixed: Path, archive: Archive, output: Path, handler) -> None:
    job = Job(source=source_of(mixed), output=output, archive=archive, form=form, chunk=20)
    summary = run_job(job)
    rows = rows_of(job)
    assert len(rows) == len(kinds()) + 7 == summary.images
    assert sum(summary.errors.values()) == 7
    assert summary.passed_over == 2
    for row, answer in zip(rows, answers(handler, [Path(row["key"]).read_bytes() for row in rows]), strict=True):
        wanted = as_row(answer)
        assert {name: row[name] for name in wanted} == wanted, row["key"]


def test_the_test_images_get_the_same_answers(archive: Archive, output: Path, handler, cifar10_test_pictures) -> None:
    paths = [path for path, _ in cifar10_test_pictures[::20]]
    listed = output.with_name("list.txt")
    listed.write_text("".join(f"{path}\n" for path in paths))
    job = Job(source=source_of(listed), output=output, archive=archive, processes=2, chunk=100)
    run_job(job)
    rows = rows_of(job)
    assert [row["key"] for row in rows] == [str(path) for path in paths]
    wanted = [as_row(answer) for answer in answers(handler, [path.read_bytes() for path in paths])]
    assert [{name: row[name] for name in wanted[0]} for row in rows] == wanted


def test_an_archive_brings_the_code_it_is_computed_with(archive: Archive, output: Path, tmp_path: Path) -> None:
    refusing = changed_code(archive, tmp_path / "refusing.mar", "    if not data:\n", "    if True:\n")
    images = write(tmp_path / "images", {"a.png": kinds()["png.png"]})
    job = Job(source=source_of(images), output=output, archive=refusing)
    assert run_job(job).errors == {"EmptyImage": 1}


def test_a_file_that_cannot_be_read_gets_a_row_that_says_so(archive: Archive, output: Path, tmp_path: Path) -> None:
    images = write(tmp_path / "images", {"a.png": kinds()["png.png"]})
    (images / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(images / "pipe.png")  # which nobody writes to
    job = Job(source=source_of(images), output=output, archive=archive)
    assert run_job(job).errors == {"Unreadable": 2}
    assert [row["error_message"] for row in rows_of(job)] == [
        None,
        "no such file or directory; expected a file to read",
        "not a regular file; expected a file to read",
    ]


def test_top_k_is_that_of_the_archive_unless_another_is_asked_for(archive: Archive, output: Path, mixed: Path) -> None:
    images = source_of(mixed / "kinds")
    job = Job(source=images, output=output, archive=archive)
    run_job(job)
    assert {len(row["top"]) for row in rows_of(job)} == {5}
    of_two = Job(source=images, output=output.with_name("two"), archive=archive, top_k=2)
    run_job(of_two)
    assert [row["top"] for row in rows_of(of_two)] == [row["top"][:2] for row in rows_of(job)]
