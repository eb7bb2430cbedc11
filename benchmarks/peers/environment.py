"""The peers' virtual environment: their own packages, and the project's torch and Pillow through a path file."""

import subprocess
import sys
import sysconfig
from pathlib import Path

from benchmarks.errors import BenchmarkError
from serving.settings import PROJECT

ENVIRONMENT = PROJECT / ".venv" / "peers"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def build_environment() -> Path:
    """Build the environment unless it is there and complete; return its folder of programs.

    Raises:
        BenchmarkError: a package cannot be installed.
    """
    programs, complete = ENVIRONMENT / "bin", ENVIRONMENT / "requirements.txt"
    if complete.exists() and complete.read_text() == REQUIREMENTS.read_text():
        return programs
    _run(sys.executable, "-m", "venv", str(ENVIRONMENT))
    own = Path(sysconfig.get_path("purelib", vars={"base": str(ENVIRONMENT)}))
    (own / "project.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(*pip, "--requirement", str(REQUIREMENTS))
    complete.write_text(REQUIREMENTS.read_text())
    return programs


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"the peers' environment cannot be built:\n{done.stderr.strip()}")
