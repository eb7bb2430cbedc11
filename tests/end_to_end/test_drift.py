"""A thousand cats are not CIFAR-10: a real TorchServe, its launcher, and the command."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving.settings import PROJECT
from tests.conftest import CAT
from tests.end_to_end.launching import Launcher, started

IMAGES_A_REQUEST = 64


@pytest.fixture
def launcher(store: Path) -> Iterator[Launcher]:
    """A server with a launcher."""
    with started(store) as launcher:
        yield launcher


def drift(launcher: Launcher) -> tuple[list[dict[str, object]], str]:
    """Rows and words of the command."""
    command = [sys.executable, "-m", "pixserve", "--runtime-dir", str(launcher.directory.path), "drift"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), done.stderr


def test_the_command_says_that_a_thousand_pictures_of_one_cat_differ(launcher: Launcher) -> None:
    rows, words = drift(launcher)
    assert rows == []
    assert "too few to compare" in words
    cats = {"instances": [{"b64": base64.b64encode(CAT.read_bytes()).decode()}] * IMAGES_A_REQUEST}
    for _ in range(3000 // IMAGES_A_REQUEST):  # each worker keeps the last second's answers
        url = f"{launcher.settings.inference}/v1/models/cifar10:predict"
        assert httpx.post(url, json=cats, timeout=30).status_code == 200
    rows, words = drift(launcher)
    assert [row["statistic"] for row in rows] == ["class mix", "confidence", "top-2 margin"]
    assert all(row["differs"] for row in rows)
    assert "differ from held-out images in class mix (a large shift), confidence (a large shift)" in words
