"""docs/explanation/design.md says which room may import which; the code does just that."""

import ast
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from serving.settings import PROJECT

PAGE = PROJECT / "docs" / "explanation" / "design.md"
HEADING = ["room", "what lives there", "imports of ours", "never imports"]
ANY, NONE = "any", "none"
NO_CODE = {"data", "docs", "model-store"}  # top-level folders without a module


@dataclass(frozen=True)
class Row:
    """A room of the table; `imports` is None where it may import any other."""

    room: str
    imports: frozenset[str] | None
    never: frozenset[str]


def rows_of(page: str) -> list[Row]:
    """The rows of the table of rooms in a Markdown page; raises ValueError where it does not have one."""
    lines = iter(page.splitlines())
    for line in lines:
        if cells_of(line) == HEADING:
            break
    else:
        raise ValueError(f"the page has no table with the heading {HEADING}")
    next(lines)  # | --- |
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        room, _, imports, never = cells_of(line)
        allowed = None if imports == ANY else names_of(imports)
        rows.append(Row(room.strip("`").removesuffix("/"), allowed, names_of(never)))
    return rows


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def names_of(cell: str) -> frozenset[str]:
    """The names in a cell: each in backticks, or the word `none`."""
    names = frozenset(re.findall(r"`(\w+)`", cell))
    if not names and cell != NONE:
        raise ValueError(f"the cell {cell!r} says neither names in backticks nor {NONE!r}")
    return names


@cache
def tracked() -> list[Path]:
    """Every file that git knows or would add, relative to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for line in listed.stdout.splitlines() if (PROJECT / (path := Path(line))).is_file()]


def modules_of(room: str) -> list[Path]:
    """The modules of a room: a folder with all below it, or one file."""
    return [path for path in tracked() if path.suffix == ".py" and path.parts[0] == room]


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse((PROJECT / path).read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


TABLE = rows_of(PAGE.read_text())
OURS = {row.room.removesuffix(".py") for row in TABLE}


def test_the_table_names_every_room_and_command_and_no_other():
    rooms = {path.parts[0] for path in tracked() if path.suffix == ".py"}
    assert {row.room for row in TABLE} == rooms - NO_CODE
    assert len(TABLE) == len({row.room for row in TABLE})


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.room)
def test_a_room_imports_what_the_table_says_and_no_less(row):
    own = row.room.removesuffix(".py")
    imports = {path: imported(path) for path in modules_of(row.room)}
    if row.imports is not None:
        assert row.imports <= OURS
        for path, names in imports.items():
            unlisted = (names & OURS) - row.imports - {own}
            assert not unlisted, f"{path} imports {unlisted}, which the table in {PAGE.name} does not allow"
        unused = row.imports - set().union(*imports.values())
        assert not unused, f"{PAGE.name} lets {row.room} import {unused}, but no module of it does: take it out"
    for path, names in imports.items():
        assert not names & row.never, f"{path} imports {names & row.never}, which {PAGE.name} forbids"


def test_a_page_without_the_table_is_refused():
    with pytest.raises(ValueError, match="no table"):
        rows_of("# Design\n\n| a | b |\n")


def test_a_cell_that_says_neither_names_nor_none_is_refused():
    heading = "| " + " | ".join(HEADING) + " |\n| --- | --- | --- | --- |\n"
    with pytest.raises(ValueError, match="neither"):
        rows_of(heading + "| `images/` | pixels | whatever it likes | none |\n")
