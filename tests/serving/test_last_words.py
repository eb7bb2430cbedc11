"""Whatever ended TorchServe, what it said last is shown."""

import pytest

from pixserve.runtime_directory import RuntimeDirectory
from serving.last_words import last_words, size_of

AT_EVERY_START = """\
WARNING: sun.reflect.Reflection.getCallerClass is not supported. This will impact performance.
nvidia-smi not available or failed: Cannot run program "nvidia-smi": error=2, No such file or directory
Model server started.
"""


@pytest.fixture
def directory(tmp_path):
    directory = RuntimeDirectory(tmp_path)
    directory.logs.mkdir()
    return directory


def test_what_the_jvm_prints_is_shown_without_what_it_prints_at_every_start(directory):
    directory.console_log.write_text(AT_EVERY_START + "Unrecognized VM option 'UseTheForce'\n")
    assert last_words(directory, log_start=0) == "Unrecognized VM option 'UseTheForce'"


def test_the_errors_that_this_run_logged_are_shown_without_stack_frames(directory):
    before = "2026-11-27 14:00:00,000 ERROR main ModelServer - of an earlier run\n"
    directory.server_log.write_text(before)
    start = size_of(directory.server_log)
    directory.server_log.write_text(
        before
        + "2026-11-27 15:00:00,000 INFO  main ModelServer - starts\n"
        + "2026-11-27 15:00:00,100 ERROR main ModelServer - no such file\njava.io.IOException: gone\n\tat a.b\n"
        + "2026-11-27 15:00:00,200 INFO  main ModelServer - ends\n"
    )
    directory.console_log.write_text(AT_EVERY_START)
    assert last_words(directory, log_start=start) == (
        "2026-11-27 15:00:00,100 ERROR main ModelServer - no such file\njava.io.IOException: gone"
    )


def test_a_log_that_was_rotated_meanwhile_is_read_from_its_beginning(directory):
    directory.server_log.write_text("2026-11-27 15:00:00,100 ERROR main ModelServer - no room\n")
    assert last_words(directory, log_start=10_000_000).endswith("no room")


def test_a_server_that_said_nothing_has_no_last_words(directory):
    assert last_words(directory, log_start=0) == ""
