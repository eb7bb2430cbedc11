"""The Python shown in documents compiles, imports what there is, and keeps the contracts that it explains."""

import ast
import importlib
import importlib.util
import textwrap

import pytest
import torch

from serving.settings import PROJECT
from tests.documents.markdown import DOCUMENTS, fences_of

BLOCKS = [
    pytest.param("\n".join(fence.lines), id=f"{page.relative_to(PROJECT)}:{fence.line_number}")
    for page in DOCUMENTS
    for fence in fences_of(page.read_text())
    if fence.language == "python"
]


@pytest.mark.parametrize("source", BLOCKS)
def test_each_block_compiles_and_what_it_imports_exists(source):
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert not [alias.name for alias in node.names if not hasattr(module, alias.name)]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)


@pytest.mark.parametrize("source", BLOCKS)
def test_each_attribute_of_an_imported_class_exists(source):
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name: getattr(importlib.import_module(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            assert hasattr(imported[node.value.id], node.attr), ast.unparse(node)


def test_the_network_of_the_guide_keeps_the_contract_of_a_network_file(tmp_path):
    guide = (PROJECT / "docs" / "guides" / "add-a-network.md").read_text()
    path = tmp_path / "mynet.py"
    path.write_text("\n".join(next(fence for fence in fences_of(guide) if fence.language == "python").lines))
    specification = importlib.util.spec_from_file_location("mynet", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    (network_class,) = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == "mynet"]
    network = network_class(classes=7)
    pixels = torch.randint(256, (2, 3, network.image_size, network.image_size), dtype=torch.uint8)
    logits = network(pixels)
    assert logits.shape == (2, 7)
    assert logits.dtype == torch.float32
    network_class(classes=7).load_state_dict(network.state_dict())
