"""The peers' virtual environments.

`peers` has their own packages, and the project's torch and Pillow through a path file. `triton` is made from the
system's Python 3.11: the wheel's Python backend is linked against that interpreter's shared library.
"""

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from serving.settings import PROJECT

HERE = Path(__file__).parent
SYSTEM_PYTHON = Path("/usr/bin/python3.11")
SYSTEM_LIBRARY = "libpython3.11.so.1.0"


@dataclass(frozen=True)
class Environment:
    """A virtual environment: where it lies, what it holds, and how its interpreter is made."""

    folder: Path
    requirements: Path
    create: Callable[[Path], None]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def build(self) -> None:
        """Create it unless it is there and complete.

        Raises:
            BenchmarkError: a package cannot be installed.
        """
        complete = self.folder / "requirements.txt"
        if complete.exists() and complete.read_text() == self.requirements.read_text():
            return
        self.create(self.folder)
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        _run(*pip, "--disable-pip-version-check", "--requirement", str(self.requirements))
        complete.write_text(self.requirements.read_text())

    def versions(self, packages: tuple[str, ...]) -> dict[str, str]:
        """The version of each package in it."""
        code = f"from importlib.metadata import version\nfor name in {packages}: print(name, version(name))"
        output = _run(str(self.python), "-c", code)
        return dict(line.split(" ", 1) for line in output.splitlines())


def _beside_project(folder: Path) -> None:
    """An environment that also sees the packages of the running interpreter's."""
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "project.pth").write_text(sysconfig.get_path("purelib") + "\n")


def _of_system_python(folder: Path) -> None:
    """An environment of the system's Python 3.11."""
    if not SYSTEM_PYTHON.exists():
        raise BenchmarkError(
            f"Triton's wheel needs {SYSTEM_PYTHON} and {SYSTEM_LIBRARY}; `apt-get install python3.11 libpython3.11` "
            "brings them on Debian 12, or leave triton out with --servers"
        )
    _run(str(SYSTEM_PYTHON), "-m", "venv", "--without-pip", str(folder))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"the peers' environment cannot be built:\n{done.stderr.strip()}")
    return done.stdout


ENVIRONMENTS = {
    "peers": Environment(PROJECT / ".venv-peers", HERE / "requirements.txt", _beside_project),
    "triton": Environment(PROJECT / ".venv-triton", HERE / "requirements-triton.txt", _of_system_python),
}
