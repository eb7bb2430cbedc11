"""Starting a launcher in the background: what it says, whatever becomes of it."""

import sys

import pytest

from pixserve.runtime_directory import RuntimeDirectory
from serving import launcher
from serving.errors import ServingError
from serving.lock import launcher_status

READY = """
import os, sys, time
from pathlib import Path
from pixserve.runtime_directory import RuntimeDirectory
from serving.lock import Status, launcher_lock
with launcher_lock(RuntimeDirectory(Path(sys.argv[1]))) as publish:
    publish(Status(os.getpid(), step="unpacking"))
    time.sleep(0.5)
    print("ready: pets 1.0", flush=True)
    publish(Status(os.getpid(), ready=True))
    time.sleep(60)
"""


@pytest.fixture
def directory(tmp_path):
    return RuntimeDirectory(tmp_path)


# The launcher outlives the command that started it, so nobody waits for it.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*Popen:pytest.PytestUnraisableExceptionWarning")
def test_start_returns_what_the_launcher_printed_once_it_is_ready_and_tells_its_steps(directory):
    steps = []
    command = [sys.executable, "-c", READY, str(directory.path)]
    assert launcher.start(directory, command, step=steps.append) == "ready: pets 1.0"
    assert set(steps) == {"unpacking"}
    assert launcher.stop(directory)
    assert launcher_status(directory) is None


def test_a_launcher_that_ends_is_quoted(directory):
    command = [sys.executable, "-c", "import sys; sys.exit('error: port 8080 is in use')"]
    with pytest.raises(ServingError, match=r"^port 8080 is in use$"):
        launcher.start(directory, command)


def test_a_launcher_that_ends_without_a_word_is_one_sentence_with_the_room_on_the_disk(directory):
    with pytest.raises(ServingError, match=r"exit code 7 and could not say why in .*launcher.log; [\d.]+ MB are free"):
        launcher.start(directory, [sys.executable, "-c", "import sys; sys.exit(7)"])


def test_the_log_of_the_start_before_is_kept(directory):
    for text in ("first", "second"):
        with pytest.raises(ServingError):
            launcher.start(directory, [sys.executable, "-c", f"import sys; sys.exit('{text}')"])
    assert directory.launcher_log.read_text() == "second\n"
    assert directory.path.joinpath("launcher-previous.log").read_text() == "first\n"
