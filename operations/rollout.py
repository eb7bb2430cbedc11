"""A new version, all the way: registered, loaded, warmed up, compared, made the default, watched."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from operations.errors import GateRefusedError, RolloutError
from operations.gate import Limits, Verdict, compare
from operations.labelled_images import LabelledPicture, labelled_pictures
from operations.loading import READY_TIMEOUT_S, add_workers
from operations.lock import exclusive_lock
from operations.quiesce import remove
from operations.watch import Watch
from pixserve.connection import Connection
from pixserve.errors import ModelNotFoundError, VersionExistsError
from pixserve.records import ModelVersion
from pixserve.runtime_directory import RuntimeDirectory

WARM_UP_CALLS = 50  # a worker
WATCH_SLACK_MS = 20.0
VERSION_IN_CONFLICT = "Model version {} is already registered"


@dataclass(frozen=True)
class Plan:
    """What is asked of a rollout.

    Args:
        archive: the name of a file in the model store.
        pictures: a folder with a folder of pictures for each class.
        workers: of the new version; None for as many as the old one has.
        most_pictures: how many of the pictures are used at most.
        limits: how much worse the new version may be.
        watch_s: how long it is watched as the default.
        most_errors: the share of errors while it is watched.
        ready_timeout_s: how long a worker may take to load.
    """

    archive: str
    pictures: Path
    workers: int | None = None
    most_pictures: int = 500
    limits: Limits = field(default_factory=Limits)
    watch_s: float = 30.0
    most_errors: float = 0.01
    ready_timeout_s: float = READY_TIMEOUT_S


@dataclass(frozen=True)
class Progress:
    """Whom a rollout tells what it does: each step as a sentence, and how far it is, as a share of the step."""

    step: Callable[[str], None] = lambda sentence: None
    share: Callable[[float], None] = lambda share: None


@dataclass(frozen=True)
class Outcome:
    """A rollout that went well; the verdict is None where the version was the default already."""

    model: str
    old: str
    new: str
    verdict: Verdict | None


class Rollout:
    """One rollout of one model on one server; if it fails, or is interrupted, the server is as it was before.

    Args:
        connection: the server; its runtime directory must be on this machine.
        model: the model's name.
        plan: what is asked.
        progress: whom to tell.
    """

    def __init__(self, connection: Connection, *, model: str, plan: Plan, progress: Progress | None = None) -> None:
        self._connection = connection
        self._management = connection.management
        self._runtime_directory = require_runtime_directory(connection)
        self._model = model
        self._plan = plan
        self._progress = progress or Progress()

    def run(self) -> Outcome:
        """Do it.

        Raises:
            GateRefusedError, RolledBackError, NotLoadedError, RolloutError, ClientError: it failed.
        """
        with exclusive_lock(self._runtime_directory):
            return self._run(self._management.describe(self._model))

    def _run(self, old: ModelVersion) -> Outcome:
        pictures = self._pictures(old.version)
        new, ours = "", False
        try:
            with uninterrupted():
                new, ours = self._register()
            if new == old.version:
                return Outcome(self._model, old.version, new, verdict=None)
            verdict = self._prove(old, new, pictures)
            self._switch(old.version, new, pictures, verdict)
        except BaseException:
            if ours:
                with uninterrupted():
                    self._progress.step(f"taking {new} away again")
                    remove(self._management, self._model, new, runtime_directory=self._runtime_directory)
            raise
        return Outcome(self._model, old.version, new, verdict)

    def _pictures(self, version: str) -> list[LabelledPicture]:
        names = self._management.ask_worker(self._model, version)["class_names"]
        return labelled_pictures(self._plan.pictures, class_names=names, most=self._plan.most_pictures)

    def _register(self) -> tuple[str, bool]:
        """Register the archive; return its version, and whether it is ours to take away again.

        What an earlier rollout left behind without workers is ours too.
        """
        archive = self._plan.archive
        self._progress.step(f"registering {archive}")
        try:
            registered = self._management.register(archive)
        except VersionExistsError as conflict:
            for version in self._management.versions(self._model):
                if VERSION_IN_CONFLICT.format(version.version) in conflict.message and version.archive == archive:
                    return version.version, not version.workers
            raise RolloutError(f"{archive} cannot be rolled out: {conflict.message} from another archive") from conflict
        if registered.model != self._model:
            self._management.unregister(registered.model, registered.version)
            raise ModelNotFoundError(f"{archive} holds the model {registered.model}; expected {self._model}")
        return registered.version, True

    def _prove(self, old: ModelVersion, new: str, pictures: Sequence[LabelledPicture]) -> Verdict:
        workers = self._plan.workers or len(old.workers)
        self._progress.step(f"loading {workers} workers of {new}")
        timeout_s = self._plan.ready_timeout_s
        add_workers(
            self._management,
            self._model,
            new,
            workers=workers,
            runtime_directory=self._runtime_directory,
            timeout_s=timeout_s,
        )
        with self._connection.rest() as client:
            self._progress.step(f"warming {new} up")
            warm_up = (pictures[index % len(pictures)].path for index in range(WARM_UP_CALLS * workers))
            list(client.predict_many(warm_up, model=self._model, version=new, concurrency=workers))
            self._progress.step(f"comparing {old.version} and {new}")
            verdict = compare(
                client,
                pictures,
                model=self._model,
                old=old.version,
                new=new,
                limits=self._plan.limits,
                advance=self._progress.share,
            )
        if verdict.reasons:
            raise GateRefusedError(f"{self._model} {new} is refused: {'; '.join(verdict.reasons)}", verdict=verdict)
        return verdict

    def _switch(self, old: str, new: str, pictures: Sequence[LabelledPicture], verdict: Verdict) -> None:
        """Make the new version the default and watch it; whatever happens, the old one is the way back."""
        was_ms = verdict.old.percentile_ms(0.99)
        p99_ms = max(self._plan.limits.p99_factor * was_ms, was_ms + WATCH_SLACK_MS)
        watch = Watch(self._plan.watch_s, most_errors=self._plan.most_errors, p99_ms=p99_ms)
        try:
            self._progress.step(f"{new} is the default; watching it for {watch.duration_s:.0f} s")
            self._management.set_default(self._model, new)
            with self._connection.rest() as client:
                watch.run(client, pictures, model=self._model, version=new, advance=self._progress.share)
        except BaseException:
            with uninterrupted():
                self._progress.step(f"{old} is the default again")
                self._management.set_default(self._model, old)
            raise


def require_runtime_directory(connection: Connection) -> RuntimeDirectory:
    """Return the server's runtime directory, without which no worker can be taken away safely.

    Raises:
        RolloutError: this machine does not have it.
    """
    directory = connection.endpoints.runtime_directory
    if directory is None:
        raise RolloutError("this needs the server's runtime directory (--runtime-dir): run it on the server's machine")
    return directory


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the block is done: a step is never left half taken. Only the main thread can do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
