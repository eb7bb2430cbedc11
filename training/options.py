"""What a user chooses for a run besides the recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The choices of one run; None leaves one to the recipe or the source."""

    source: str  # "cifar10" or a folder
    name: str
    version: str
    out: Path
    seed: int = 0
    epochs: int | None = None  # None: as the recipe says
    validation_fraction: float | None = None  # None: as the recipe says
    initial_weights: Path | None = None  # with their record beside; None: random
    teacher: Sequence[Path] = ()  # weights, with their records beside; empty: the initial weights
    class_names: Sequence[str] | None = None  # None: as the source says
    source_note: str | None = None  # the source in words, for the record
    machine_note: str | None = None  # what else was true of the machine, for the record
    checkpoint: Path | None = None  # None: under runs/
    checkpoint_every_s: float = 0.0  # at least so far apart; 0: after each epoch
    resume: bool = False

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    def output(self, suffix: str) -> Path:
        """One of the files that the run leaves: weights, record and charts share the rest of the name."""
        return self.out / f"{self.name}-{self.version}{suffix}"

    @property
    def checkpoint_path(self) -> Path:
        """Where the run is kept after an epoch."""
        return self.checkpoint or Path("runs") / f"{self.name}-{self.version}.checkpoint.pt"
