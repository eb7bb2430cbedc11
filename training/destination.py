"""Where a run's output goes and what it is called: names that can be packed and served, and never over other files.

By default a run has a folder of its own, ``runs/<name>-<version>``, and the version is the next free one.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from engine.model_names import VERSION, name_fault, parsed_version, version_fault
from training.errors import OutputError
from training.options import OutputOptions

SHIPPED = Path(__file__).resolve().parent.parent / "model"
RUNS = Path("runs")
OUTPUTS = (".pt", ".json", "-curves.png", "-confusion.png", "-reliability.png")
CHECKPOINT = ".checkpoint.pt"


@dataclass(frozen=True)
class Destination:
    """The files of one run: all lie in ``folder`` and start with ``<name>-<version>``."""

    name: str
    version: str
    folder: Path
    checkpoint: Path
    is_new: bool  # the folder is to be made, for this run alone

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    def path(self, suffix: str) -> Path:
        """One of the files, such as ``.pt``."""
        return self.folder / f"{self.name}-{self.version}{suffix}"


def check_names(options: OutputOptions) -> None:
    """Raise OutputError where the name or version given cannot be packed or served."""
    fault = name_fault(options.name)
    if options.version is not None:
        fault = fault or version_fault(options.version)
    if fault:
        raise OutputError(fault)


def choose_destination(options: OutputOptions, *, outputs: Sequence[str] = OUTPUTS) -> Destination:
    """The files of a run with these options, which leaves ``outputs``.

    Raises OutputError where they exist and are not to be overwritten.
    """
    taken = _taken_versions(options.name)
    version = options.version or (_newest_checkpoint(options) if options.resume else None) or next_version(taken)
    folder = options.out or RUNS / f"{options.name}-{version}"
    checkpoint = options.checkpoint or folder / f"{options.name}-{version}{CHECKPOINT}"
    is_new = not (options.out or options.resume or options.overwrite)
    destination = Destination(options.name, version, folder, checkpoint, is_new)
    if options.overwrite:
        return destination
    existing = [path for path in map(destination.path, outputs) if path.exists()]
    if not options.resume:
        existing += [destination.checkpoint] if destination.checkpoint.exists() else []
        existing += [taken[version]] if is_new and version in taken else []
    if existing:
        raise OutputError(
            f"{existing[0]} exists: leave --version out for the next free version ({next_version(taken)}), "
            "or replace it by --overwrite."
        )
    return destination


def refuse_shipped(files: Iterable[Path]) -> None:
    """Raise OutputError where one of the files is there and is shipped."""
    for path in files:
        if path.exists() and SHIPPED in path.resolve().parents:
            raise OutputError(f"{path} is shipped: export a copy in another folder, or replace it by --overwrite.")


@contextmanager
def claimed(destination: Destination) -> Iterator[Destination]:
    """The destination, its folder made and found writable; removed again where a run leaves nothing in it.

    Raises OutputError where the folder cannot be written to, or another run has just taken it.
    """
    made = not destination.folder.exists()
    try:
        _make_folders(destination)
        yield destination
    finally:
        if made:
            with suppress(OSError):  # not empty: the run's files lie there; or not there
                destination.folder.rmdir()


def _make_folders(destination: Destination) -> None:
    folder = destination.folder
    try:
        folder.mkdir(parents=True, exist_ok=not destination.is_new)
        for folder in (destination.folder, destination.checkpoint.parent):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to ({error.strerror}): give another with --out.") from error


def next_version(taken: Iterable[str]) -> str:
    """The next major version after all that are taken: 1.0, 2.0, ..."""
    known = [version for version in map(parsed_version, taken) if version]
    return f"{max(known).major + 1 if known else 1}.0"


def version_key(version: str) -> tuple[bool, Version, str]:
    """To sort versions by: in the order of PEP 440, 2.0rc1 before 2.0 before 10.0; texts that are none come first."""
    known = parsed_version(version)
    return known is not None, known or Version("0"), version


def _taken_versions(name: str) -> dict[str, Path]:
    """The versions of a model that are shipped or were trained, each with a file or folder of it."""
    pattern = re.compile(rf"{re.escape(name)}-({VERSION.pattern}?)({re.escape(CHECKPOINT)}|\.json|\.pt|)")
    paths = [*SHIPPED.glob(f"{name}-*"), *RUNS.rglob(f"{name}-*")]
    found = {match[1]: path for path in paths if (match := pattern.fullmatch(path.name))}
    return {version: path for version, path in found.items() if parsed_version(version)}


def _newest_checkpoint(options: OutputOptions) -> str | None:
    """The newest version of the model that can be resumed."""
    suffix = len(CHECKPOINT)
    names = [path.name[:-suffix] for path in (options.out or RUNS).rglob(f"{options.name}-*{CHECKPOINT}")]
    versions = [name.removeprefix(f"{options.name}-") for name in names]
    return max(filter(parsed_version, versions), key=version_key, default=None)
