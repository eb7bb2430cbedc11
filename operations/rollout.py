"""A rollout: a new version is registered, loaded, warmed up, compared, made the default, watched."""

from collections.abc import Callable, Sequence

from gateway.live import require_gateway
from operations import canary
from operations.archive_file import ArchiveFacts
from operations.class_names import check_renames, check_versions
from operations.errors import GateRefusedError, NotLoadedError, RolledBackError, RolloutError
from operations.events import Event, Listener, Phase, PhaseAdvanced, PhaseStarted, Remark
from operations.gate import compare
from operations.labelled_images import LabelledImage, labelled_images
from operations.loading import add_workers
from operations.local_server import require_runtime_directory, require_store
from operations.lock import exclusive_lock
from operations.plan import Outcome, Plan
from operations.quiesce import unregister_gracefully
from operations.real_traffic import traffic_judge
from operations.signals import defer_signals
from operations.switch import promote, restore_default
from operations.verdict import Verdict
from operations.watch import Watch
from pixserve.archive_signatures import require_signature_where_configured
from pixserve.connection import Connection
from pixserve.errors import ModelNotFoundError, VersionExistsError
from pixserve.records import ModelVersion
from pixserve.refused_archives import clear_refusal, mark_refused
from pixserve.rest import RestClient
from pixserve.retries import NO_RETRIES
from pixserve.rollout_history import RolloutHistory

WARM_UP_CALLS = 50  # to each worker
VERSION_IN_CONFLICT = "Model version {} is already registered"


class Rollout:
    """One rollout of one model on one server; if it fails, or is interrupted, the server is as it was before.

    Args:
        connection: the server; its runtime directory must be on this machine.
        model: the model's name.
        plan: what is asked.
        listener: called with each event.
    """

    def __init__(
        self, connection: Connection, *, model: str, plan: Plan, listener: Listener = lambda event: None
    ) -> None:
        self._connection = connection
        self._management = connection.management
        self._runtime_directory = require_runtime_directory(connection)
        self._archive_path = require_store(connection) / plan.archive
        require_signature_where_configured(self._archive_path, self._runtime_directory)
        self._archive = ArchiveFacts.read(self._archive_path)
        self._model = model
        self._plan = plan
        self._tell: Callable[[Event], None] = listener

    def run(self) -> Outcome:
        """Roll the version out. An archive that is refused is marked so: a fresh server does not serve it.

        Raises:
            ClassNamesError, NotLoadedError, GateRefusedError, RolledBackError, RolloutError, ClientError: it failed.
        """
        if self._archive.model != self._model:
            raise ModelNotFoundError(
                f"{self._plan.archive} holds the model {self._archive.model}; expected {self._model}"
            )
        if self._plan.canary:
            require_gateway(self._runtime_directory.gateway)
        with exclusive_lock(self._runtime_directory):
            old = self._management.describe(self._model)
            try:
                outcome = self._run(old)
            except (NotLoadedError, GateRefusedError, RolledBackError) as refusal:
                mark_refused(self._archive_path, refusal.message)
                self._record(old, "rolled_back" if isinstance(refusal, RolledBackError) else "refused", refusal.message)
                raise
            except BaseException as fault:
                self._record(old, "failed", str(fault) or type(fault).__name__)
                raise
            clear_refusal(self._archive_path)
            self._record(old, "promoted")
            return outcome

    def _record(self, old: ModelVersion, result: str, reason: str = "") -> None:
        RolloutHistory(self._runtime_directory.rollouts).record(
            model=self._model, old=old.version, new=self._archive.version, result=result, reason=reason
        )

    def _run(self, old: ModelVersion) -> Outcome:
        new = self._archive.version
        images = self._images(old.version)
        is_ours = False
        try:
            with defer_signals():
                self._begin(Phase.REGISTERING, old)
                is_ours = self._register()
            if new == old.version:
                return Outcome(self._model, old.version, new)
            verdict = self._prove(old, images)
            watched = self._switch(old, images)
        except BaseException:
            if is_ours:
                with defer_signals():
                    self._begin(Phase.UNREGISTERING, old)
                    unregister_gracefully(self._management, self._model, new, runtime_directory=self._runtime_directory)
            raise
        return Outcome(self._model, old.version, new, verdict, watched)

    def _images(self, old: str) -> list[LabelledImage]:
        """Return the images of the gate once it is certain that both versions and the folders mean the same classes."""
        renames, new_names = self._plan.class_names, self._archive.class_names
        old_names = self._management.ask_worker(self._model, old)["class_names"]
        check_renames(renames, class_names=old_names, version=f"{self._model} {old}")
        check_versions(old_names, new_names, renames, old=f"{self._model} {old}", new=self._plan.archive)
        added = [name for name in new_names if renames.get(name, name) not in old_names]
        trained_on = {folder: renames.get(name, name) for folder, name in self._archive.classes_of_folders.items()}
        found = labelled_images(
            self._plan.images,
            class_names=[*old_names, *added],
            most=self._plan.most_images,
            renames={**trained_on, **renames},
        )
        for sentence in found.remarks:
            self._tell(Remark(sentence))
        return found.images

    def _register(self) -> bool:
        """Register the archive; return whether it is this rollout's to unregister.

        What an earlier rollout left behind without workers is, too.
        """
        archive = self._plan.archive
        try:
            self._management.register(archive)
        except VersionExistsError as conflict:
            for version in self._management.versions(self._model):
                if VERSION_IN_CONFLICT.format(version.version) in conflict.message and version.archive == archive:
                    return not version.workers
            raise RolloutError(f"{archive} cannot be rolled out: {conflict.message} from another archive") from conflict
        return True

    def _prove(self, old: ModelVersion, images: Sequence[LabelledImage]) -> Verdict:
        """Load the new version, warm it up and let it pass the gate."""
        workers, new = self._workers(old), self._archive.version
        self._begin(Phase.LOADING, old)
        add_workers(
            self._management,
            self._model,
            new,
            workers=workers,
            runtime_directory=self._runtime_directory,
            timeout_s=self._plan.ready_timeout_s,
        )
        with self._connection.rest(retries=NO_RETRIES) as client:
            self._begin(Phase.WARMING_UP, old)
            warm_up = (images[index % len(images)].path for index in range(WARM_UP_CALLS * workers))
            for _ in client.predict_many(warm_up, model=self._model, version=new, concurrency=workers):
                pass  # the gate judges
            self._begin(Phase.COMPARING, old)
            verdict = compare(
                client,
                images,
                model=self._model,
                old=old.version,
                new=new,
                limits=self._plan.limits,
                renames=self._plan.class_names,
                advance=lambda share: self._tell(PhaseAdvanced(Phase.COMPARING, share)),
            )
        if verdict.reasons:
            raise GateRefusedError(f"{self._model} {new} is refused: {'; '.join(verdict.reasons)}", verdict=verdict)
        return verdict

    def _switch(self, old: ModelVersion, images: Sequence[LabelledImage]) -> str:
        """Make the new version the default and watch it; if it fails, the old one is the default again.

        Returns:
            What the watch saw, in a sentence.
        """
        watch = self._watch(self._plan.watch_s)
        try:
            with self._connection.rest(retries=NO_RETRIES) as client:
                self._move_by_share(old, images, client)
                self._begin(Phase.WATCHING, old)
                address, new = self._connection.endpoints.metrics, self._archive.version
                traffic = traffic_judge(
                    address, model=self._model, old=old.version, new=new, max_errors=self._plan.max_errors
                )
                promote(self._connection, self._model, new)
                self._end_canary()
                return watch.run(
                    client,
                    images,
                    model=self._model,
                    old=old.version,
                    new=new,
                    judge_traffic=traffic,
                    advance=lambda share: self._tell(PhaseAdvanced(Phase.WATCHING, share)),
                )
        except BaseException:
            with defer_signals():
                self._begin(Phase.RESTORING_DEFAULT, old)
                self._end_canary()
                restore_default(self._connection, self._model, old.version)
            raise

    def _move_by_share(self, old: ModelVersion, images: Sequence[LabelledImage], client: RestClient) -> None:
        """Let the gateway send the shares of the plan to the new version, each watched."""
        for percent in self._plan.canary:
            self._begin(Phase.CANARY, old, percent=percent)
            canary.run(
                percent,
                client,
                images,
                directory=self._runtime_directory,
                watch=self._watch(self._plan.canary_s),
                model=self._model,
                old=old.version,
                new=self._archive.version,
                advance=lambda share: self._tell(PhaseAdvanced(Phase.CANARY, share)),
            )

    def _end_canary(self) -> None:
        if self._plan.canary:
            canary.end(self._runtime_directory, model=self._model)

    def _watch(self, duration_s: float) -> Watch:
        return Watch(duration_s, max_errors=self._plan.max_errors, latency_factor=self._plan.limits.latency_factor)

    def _workers(self, old: ModelVersion) -> int:
        return self._plan.workers or len(old.workers)

    def _begin(self, phase: Phase, old: ModelVersion, *, percent: float | None = None) -> None:
        self._tell(PhaseStarted(phase, old.version, self._archive.version, self._workers(old), percent))
