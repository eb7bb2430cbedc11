"""Every link of every document leads somewhere, to the heading where it names one."""

import re
from functools import cache
from pathlib import Path

import pytest

from serving.settings import PROJECT
from tests.documents.markdown import DOCUMENTS, name_of, without_fences

LINK = re.compile(r"\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"^(https?|mailto):")


def links_of(text: str) -> list[str]:
    """The targets of a page's links, without those to other hosts and those inside code."""
    return [target for target in LINK.findall(without_code(text)) if not ELSEWHERE.match(target)]


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`(?!\])", "", without_fences(text))


@cache
def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    return {anchor_of(heading) for heading in re.findall(r"^#+ +(.+)$", without_fences(page.read_text()), re.MULTILINE)}


def anchor_of(heading: str) -> str:
    """GitHub's rule: lower case, punctuation dropped, spaces to hyphens."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in links_of(page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors_of(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_each_link_of_a_document_leads_somewhere(page):
    assert not broken(page)


def test_each_document_under_docs_can_be_reached_from_the_readme():
    reached, waiting = set(), [PROJECT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (link.partition("#")[0] for link in links_of(page.read_text()))
        waiting += [(page.parent / target).resolve() for target in targets if target]
    assert set(DOCUMENTS) <= reached


def test_a_missing_file_and_a_missing_heading_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One thing\n[a](#one-thing) [b](#another) [c](gone.md) [d](https://example.org) `[e](no.md)`\n")
    assert broken(page) == ["#another", "gone.md"]
