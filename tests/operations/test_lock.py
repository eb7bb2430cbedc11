"""One command at a time changes a server."""

from pathlib import Path

import pytest

from operations.errors import RolloutError
from operations.lock import exclusive_lock
from pixserve.runtime_directory import RuntimeDirectory


def test_one_rollout_keeps_another_out_until_it_ends(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path)
    with exclusive_lock(directory), pytest.raises(RolloutError, match="another rollout"), exclusive_lock(directory):
        pass
    with exclusive_lock(directory):
        pass
