"""Images that several tests of training share."""

from pathlib import Path

import pytest

from tests.training.training_images import make_pictures


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of three classes, larger than what the networks of these tests take."""
    return make_pictures(tmp_path_factory.mktemp("photographs"), train=12, test=4, size=(100, 80))
