"""The documents as a whole: each says what it answers, the README fits two screens, figures point at decisions."""

import csv
import re

import pytest

from serving.settings import PROJECT
from tests.documents.markdown import DOCUMENTS, name_of

DECISIONS = PROJECT / "docs" / "decisions"
README_LINES = 95
COLUMNS = ["date", "machine", "area", "tried", "measure", "before", "after", "kept", "decision"]


OTHER_PAGES = [page for page in DOCUMENTS if page != PROJECT / "README.md"]


@pytest.mark.parametrize("page", OTHER_PAGES, ids=name_of)
def test_each_page_says_first_what_it_answers(page):
    heading, _, first = page.read_text().split("\n", 2)
    assert heading.startswith("# ")
    assert first.startswith("This page answers: ")


def test_the_readme_fits_two_screens():
    assert len((PROJECT / "README.md").read_text().splitlines()) <= README_LINES


def test_decisions_have_a_number_each_and_are_listed_in_order():
    pages = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert len({name[:4] for name in pages}) == len(pages)
    assert re.findall(r"\]\((\d{4}-[\w.-]+\.md)\)", (DECISIONS / "README.md").read_text()) == pages


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda page: page.name)
def test_each_decision_says_whether_it_holds_and_since_when(page):
    assert re.search(r"(Accepted|Superseded by \[\d+\]\(\S+\)), \d{4}-\d\d-\d\d", page.read_text().split("\n\n")[1])


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda page: page.name)
def test_each_decision_has_context_options_choice_and_consequences(page):
    headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
    assert headings == ["Context", "Options", "Choice", "Consequences"]


def test_each_experiment_names_its_day_machine_figures_and_decision():
    with (DECISIONS / "experiments.csv").open(newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == COLUMNS
    decisions = {path.name[:4] for path in DECISIONS.glob("[0-9]*.md")}
    for row in rows:
        assert len(row) == len(COLUMNS), row
        assert all(row), f"an empty cell in {row}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row[0]), row
        assert row[-1] in decisions, row


def test_each_setting_of_the_shipped_files_is_in_the_reference():
    page = (PROJECT / "docs" / "reference" / "settings.md").read_text()
    properties = re.findall(r"^([a-z_]+)=", (PROJECT / "config.properties").read_text(), re.MULTILINE)
    model, _, handler = (PROJECT / "handler" / "model-config.yaml").read_text().partition("\nhandler:")
    keys = re.findall(r"^(\w+):", model, re.MULTILINE)
    own = [f"handler.{key}" for key in re.findall(r"^  (\w+):", handler, re.MULTILINE)]
    assert properties
    assert keys
    assert own
    assert [key for key in [*properties, *keys, *own] if f"`{key}`" not in page] == []
