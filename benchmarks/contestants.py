"""Every server of a comparison: what it is called, what it should answer, how it is run."""

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.baseline import baseline_answers, check_out, served_baseline
from benchmarks.in_process import Answers, answer, images_per_s
from benchmarks.peers import environment_variables as variables
from benchmarks.peers.environment import ENVIRONMENTS
from benchmarks.peers.network import fastest_precision, network_variables, peer_answers
from benchmarks.peers.servers import run_peer
from benchmarks.peers.settings import PEERS, Peer
from benchmarks.project import unpacked
from benchmarks.running import RunningServer
from benchmarks.serve import served_by
from benchmarks.uploads import Sample
from serving.machine import this_machine
from serving.settings import PROJECT as ROOT

PROJECT, BASELINE = "project", "baseline"
NAMES = (*PEERS, BASELINE, PROJECT)


class Contestant(Protocol):
    """A server to compare."""

    @property
    def title(self) -> str:
        """The name in the tables."""
        ...

    @property
    def has_jvm(self) -> bool:
        """Whether a JVM compiles what it runs often: such a server needs a longer warm-up."""
        ...

    @property
    def precision(self) -> str:
        """What the network is computed in: a precision, or `as shipped`."""
        ...

    def prepare(self) -> None:
        """Install and convert what it needs."""
        ...

    def answers(self, sample: Sample) -> Answers:
        """What the same stack answers to a sample without load."""
        ...

    def serve(self) -> AbstractContextManager[RunningServer]:
        """A context in which it runs."""
        ...


@dataclass(frozen=True)
class PeerContestant:
    """A server of others, which serves a record's network in the precision that is fastest on this machine."""

    peer: Peer
    record: Path
    has_jvm: bool = False

    @property
    def title(self) -> str:
        """See `Contestant.title`."""
        return self.peer.title

    @property
    def precision(self) -> str:
        """See `Contestant.precision`."""
        return fastest_precision(self.peer.engine, self.peer.precisions, self.record)

    def prepare(self) -> None:
        """See `Contestant.prepare`."""
        ENVIRONMENTS["peers"].build()  # it converts and answers in process for all of them
        ENVIRONMENTS[self.peer.environment].build()

    def answers(self, sample: Sample) -> Answers:
        """See `Contestant.answers`."""
        return peer_answers(self.peer.engine, self.record, self.precision, sample)

    def serve(self) -> AbstractContextManager[RunningServer]:
        """See `Contestant.serve`."""
        return run_peer(self.peer, network_variables(self.peer.engine, self.record, self.precision))


@dataclass(frozen=True)
class ProjectContestant:
    """This project with one record, as `make start` serves it."""

    record: Path
    title: str = "this project"
    has_jvm: bool = True
    precision: str = "as shipped"

    def prepare(self) -> None:
        """See `Contestant.prepare`."""

    def answers(self, sample: Sample) -> Answers:
        """See `Contestant.answers`."""
        with unpacked(self.record) as model_dir:
            return answer(sample, python=Path(sys.executable), variables=_project_variables(model_dir))

    def serve(self) -> AbstractContextManager[RunningServer]:
        """See `Contestant.serve`."""
        return served_by([serving_python(), "-m", "benchmarks.serve", self.record.resolve()], cwd=ROOT)

    def images_per_s(self, sample: Sample, *, seconds: float) -> float:
        """Images a second that its decoding and engine answer without a server, in a process for each worker."""
        with unpacked(self.record) as model_dir:
            return images_per_s(
                sample,
                python=Path(sys.executable),
                variables=_project_variables(model_dir),
                seconds=seconds,
                processes=this_machine().workers,
            )


def serving_python() -> Path:
    """The interpreter of the environment that `make serve` serves from, or the running one where there is none."""
    python = ROOT / ".venv" / "bin" / "python"
    return python if python.exists() else Path(sys.executable)


def _project_variables(model_dir: Path) -> dict[str, str]:
    return {variables.ENGINE: PROJECT, variables.MODEL_DIR: str(model_dir)}


@dataclass(frozen=True)
class BaselineContestant:
    """An older commit of this project."""

    commit: str
    record: str
    has_jvm: bool = True
    precision: str = "as shipped"

    @property
    def title(self) -> str:
        """See `Contestant.title`."""
        return f"commit {self.commit}, {Path(self.record).stem}"

    def prepare(self) -> None:
        """See `Contestant.prepare`."""
        check_out(self.commit)

    def answers(self, sample: Sample) -> Answers:
        """See `Contestant.answers`."""
        return baseline_answers(check_out(self.commit), self.record, sample)

    def serve(self) -> AbstractContextManager[RunningServer]:
        """See `Contestant.serve`."""
        return served_baseline(check_out(self.commit), self.record)


def contestant(name: str, *, record: Path, peer_record: Path, baseline_commit: str) -> Contestant:
    """A contestant by its short name, one of `NAMES`.

    Args:
        name: the short name.
        record: what this project serves.
        peer_record: what the peers and the older commit serve: one network.
        baseline_commit: the older commit.
    """
    if name == PROJECT:
        return ProjectContestant(record)
    if name == BASELINE:
        return BaselineContestant(baseline_commit, peer_record.name)
    return PeerContestant(PEERS[name], peer_record)
