"""The house is as docs/design.md draws it: imports run one way, and the README names what there is."""

import ast
import re
from pathlib import Path

import pytest

from serving.settings import PROJECT

OURS = {path.name for path in PROJECT.iterdir() if path.is_dir()} | {path.stem for path in PROJECT.glob("*.py")}

# What may be imported of ours, and what must not be imported of others' for start-up and weight.
ARROWS: dict[str, tuple[set[str], set[str]]] = {
    "images/*.py": ({"images"}, {"torch", "ts"}),
    "engine/*.py": ({"engine"}, {"torchvision", "PIL", "ts"}),
    "handler/*.py": ({"handler", "images", "engine"}, {"torch", "torchvision", "httpx", "typer"}),
    "model/*.py": (set(), {"torchvision", "PIL", "ts"}),
    "training/*.py": ({"training", "model", "images"}, {"ts"}),
    "train.py": ({"training", "model"}, {"ts"}),
    "archive.py": (set(), {"torch", "ts"}),
    "pixserve/**/*.py": ({"pixserve"}, {"torch", "ts"}),
    "serving/*.py": ({"serving", "pixserve"}, {"torch", "ts"}),
    "serve.py": ({"serving", "pixserve"}, {"torch", "ts"}),
    "operations/**/*.py": ({"operations", "pixserve"}, {"torch", "ts"}),
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
    paths = [path for path in PROJECT.glob(pattern) if "_stubs" not in path.parts]
    assert paths
    for path in paths:
        names = imported(path)
        assert names & OURS <= allowed, path
        assert not names & forbidden, path


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
