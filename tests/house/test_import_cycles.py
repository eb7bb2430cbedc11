"""No two modules import each other, not even by way of others and for types alone: each can be understood by itself."""

import ast
from pathlib import Path

import pytest

from serving.settings import PROJECT

ROOMS = ("engine", "handler", "images", "model", "operations", "pixserve", "scoring", "serving", "training")
Graph = dict[str, set[str]]


def imports_of(path: Path, modules: set[str]) -> set[str]:
    """The modules of `modules` that a file imports, wherever it does: at the top, in a function, for types."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & modules


def graph_of(room: str) -> Graph:
    """Each module of a room and what it imports of it; a package's own `__init__` stands for what it offers."""
    paths = [path for path in (PROJECT / room).rglob("*.py") if path.name != "__init__.py"]
    names = {".".join(path.relative_to(PROJECT).with_suffix("").parts): path for path in paths}
    return {name: imports_of(path, set(names)) - {name} for name, path in names.items()}


def cycle_in(graph: Graph) -> list[str] | None:
    """Modules of which each imports the next and the last the first; None if there are none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str] | None:
        if module in way:
            return way[way.index(module) :]
        if module in done:
            return None
        for imported in sorted(graph[module]):
            if cycle := visit(imported, [*way, module]):
                return cycle
        done.add(module)
        return None

    return next((cycle for module in sorted(graph) if (cycle := visit(module, []))), None)


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_imports_its_importer(room: str) -> None:
    assert cycle_in(graph_of(room)) is None


def test_a_cycle_by_way_of_another_module_is_found() -> None:
    assert cycle_in({"errors": {"gate"}, "gate": {"images"}, "images": {"errors"}}) == ["errors", "gate", "images"]
    assert cycle_in({"errors": set(), "gate": {"images"}, "images": {"errors"}}) is None
