"""The house is as docs/design.md draws it: imports run one way, and the README names what there is."""

import ast
import re
import sys
from pathlib import Path

import pytest

from serving.settings import PROJECT

OURS = {"archive", "benchmarks", "client", "handler", "model", "serve", "serving", "tests", "train", "training"}
OURS |= {path.stem for path in (PROJECT / "handler").glob("*.py")}
HANDLER = {path.stem for path in (PROJECT / "handler").glob("*.py")}

# What may be imported of ours, and what must not be imported of others' for start-up and weight.
ARROWS: dict[str, tuple[set[str], set[str]]] = {
    "model/*.py": (set(), {"torchvision", "PIL", "ts"}),
    "handler/*.py": (HANDLER, {"torchvision", "httpx", "typer"}),
    "training/*.py": ({"training", "model"}, {"ts"}),
    "train.py": ({"training", "model"}, {"ts"}),
    "archive.py": (set(), {"torch", "ts"}),
    "serving/*.py": ({"serving", "client"}, {"torch", "ts"}),
    "serve.py": ({"serving", "client"}, {"torch", "ts"}),
    "client/**/*.py": ({"client"}, {"torch", "ts"}),
}


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("pattern", ARROWS)
def test_imports_run_one_way(pattern):
    allowed, forbidden = ARROWS[pattern]
    type_only = {"ts"} if pattern.startswith("handler") else set()
    paths = [path for path in PROJECT.glob(pattern) if "_stubs" not in path.parts]
    assert paths
    for path in paths:
        names = imported(path)
        assert names & OURS <= allowed, path
        assert not names & (forbidden - type_only), path


def test_each_make_target_of_the_readme_exists():
    readme, makefile = (PROJECT / "README.md").read_text(), (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z-]+)", readme))
    assert {"serve", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_each_link_of_the_documents_leads_somewhere():
    for page in [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_shipped_handler_modules_are_named_apart_from_the_standard_library():
    assert not HANDLER & set(sys.stdlib_module_names)
    assert all(name.startswith("image_") for name in HANDLER)
