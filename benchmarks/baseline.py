"""An older commit of this project as a contestant, served by its own code in the same run.

The commit's files are unpacked under `.venv-baselines/`. Its server runs in this environment where that has what the
commit pins, else in one of its own.
"""

import subprocess
import sys
import tomllib
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx
from packaging.requirements import Requirement

from benchmarks.errors import BenchmarkError
from benchmarks.in_process import Answers, judge
from benchmarks.request_formats import MULTIPART, class_of
from benchmarks.running import RunningServer
from benchmarks.serve import served_by
from benchmarks.uploads import Sample
from serving.settings import PROJECT

# Runs in the commit's folder, with its modules: serve a record until standard input ends.
DRIVER = """
import json, sys
from pathlib import Path
from benchmarks.project import served
with served(Path(sys.argv[1])) as (_, running):
    print(json.dumps({"url": running.url, "pid": running.pid, "start_s": running.start_s}), flush=True)
    sys.stdin.read()
"""
# Generates gRPC stubs; the commits before the package was called pixserve have them in client/.
STUBS = ("pixserve.stubs", "client.stubs")


def check_out(commit: str) -> Path:
    """The folder with the files of a commit, unpacked once.

    Raises:
        BenchmarkError: there is no such commit.
    """
    name = _run("git", "rev-parse", "--verify", "--short=12", f"{commit}^{{commit}}", cwd=PROJECT).strip()
    folder = PROJECT / ".venv-baselines" / name
    if not (folder / "unpacked").exists():
        folder.mkdir(parents=True, exist_ok=True)
        packed = folder / "files.tar"
        _run("git", "archive", f"--output={packed}", name, cwd=PROJECT)
        _run("tar", "--extract", f"--file={packed}", cwd=folder)
        packed.unlink()
        module = next(name for name in STUBS if (folder / f"{name.replace('.', '/')}.py").exists())
        _run(str(interpreter(folder)), "-m", module, cwd=folder)
        (folder / "unpacked").touch()
    return folder


def interpreter(folder: Path) -> Path:
    """The running interpreter where it has what the commit pins, else one of an environment made for the commit."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    if all(satisfied(Requirement(text)) for text in project["dependencies"]):
        return Path(sys.executable)
    python = folder / ".venv" / "bin" / "python"
    if not python.exists():
        _run(sys.executable, "-m", "venv", str(folder / ".venv"), cwd=folder)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", "constraints.txt"]
        _run(*pip, *project["dependencies"], cwd=folder)
    return python


def satisfied(requirement: Requirement) -> bool:
    """Whether the running interpreter has a package in the version that is asked for."""
    try:
        return requirement.specifier.contains(version(requirement.name))
    except PackageNotFoundError:
        return False


def served_baseline(folder: Path, record: str) -> AbstractContextManager[RunningServer]:
    """Serve a record of the commit, named by its file, as the commit's own benchmark does."""
    command: list[str | Path] = [interpreter(folder), "-c", DRIVER, folder / "model" / record]
    return served_by(command, cwd=folder, describes=False)


def baseline_answers(folder: Path, record: str, sample: Sample) -> Answers:
    """What the commit's server answers to each image alone, one after the other.

    Over HTTP, since the modules to call in process differ from commit to commit.
    """
    with served_baseline(folder, record) as server, httpx.Client(headers=MULTIPART.headers, timeout=60) as client:
        answers = [client.post(server.url, content=MULTIPART.encode(jpeg)).raise_for_status() for jpeg in sample.jpegs]
    classes = [class_of(answer.text) for answer in answers]
    return judge(sample, {"alone": classes, "batched": classes, "description": {}})


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
