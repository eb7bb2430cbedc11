"""The page about a job: one file that needs no other, and says what the rows say."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scoring.archive import Archive
from scoring.job import Job
from scoring.labels import Labels
from scoring.report import write_report
from scoring.statistics import gather
from tests.sample_pictures import jpeg
from tests.scoring.conftest import rows_of, run_job, source_of, write


class Page(HTMLParser):
    """Collects text, image sources and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.sources, self.cells = "", list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_of_labelled_images(archive: Archive, output: Path, tmp_path: Path, cifar10_test_pictures) -> None:
    images = tmp_path / "images"
    for path, _ in cifar10_test_pictures[::50]:
        write(images, {f"{path.parent.name}/{path.name}": path.read_bytes()})
    write(images, {"cat/<b>odd.jpg": jpeg()[:200]})
    labels = Labels.of(archive.class_names, archive.folder_names)
    job = Job(source=source_of(images, labels=labels), output=output, archive=archive, chunk=64)
    run_job(job)
    page_path = tmp_path / "report.html"
    write_report(job, page_path)
    text = page_path.read_text()
    page = Page(text)
    rows = [row for row in rows_of(job) if row["class"] is not None]
    right = sum(row["class"] == labels.index_of(row["label"]) for row in rows)
    assert f"{100 * right / len(rows):.2f} % right, of {len(rows)} with a label" in " ".join(page.text.split())
    assert len(page.sources) == 24
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert not re.search(r"https?://|<script|@import|url\(", text)
    assert "<b>odd" not in text
    assert "<b>odd.jpg: a JPEG image that is cut short" in page.text
    least = sorted(rows, key=lambda row: row["margin"])[:24]
    assert [page.text.find(row["key"]) for row in least] == sorted(page.text.find(row["key"]) for row in least)


def row(best: int, probability: float, label: str | None) -> dict[str, object]:
    return {
        "key": "k", "label": label, "class": best, "probability": probability, "margin": 1.0, "top": [],
        "error_type": None, "error_message": None,
    }  # fmt: skip


def test_figures_are_those_of_the_rows() -> None:
    labels = Labels.of(["plane", "car"], ["airplane", "automobile"])
    rows = [row(0, 0.9, "plane"), row(0, 0.9, "car"), row(1, 0.6, "1"), row(1, 0.6, None), row(1, 0.6, "boat")]
    bad = {"key": "k", "label": "car", "error_type": "DamagedImage", "error_message": "cut"}
    found = gather([rows, [bad]], ("plane", "car"), labels)
    assert (found.images, found.classified, found.classes) == (6, 5, {"plane": 2, "car": 3})
    assert found.errors == {"DamagedImage": 1}
    assert found.unknown_labels == {"boat": 1}
    assert found.labelled is not None
    assert found.labelled.confusion.tolist() == [[1, 0], [1, 1]]
    assert found.labelled.accuracy == pytest.approx(2 / 3)
    assert found.labelled.calibration_error == pytest.approx((abs(1 - 1.8) + abs(1 - 0.6)) / 3)
    assert found.labelled.failed == 1
