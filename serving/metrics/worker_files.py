"""What worker processes have counted, merged from the files that the client library keeps in the runtime directory.

A file belongs to one process and is named after it. When that process has ended, its counts are added to those of
process 0, which is nobody's, and the file goes: counts survive a worker, files do not pile up, and a process id that is
given again starts from zero. Series of a version that is not registered any more end.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

SUFFIX = ".db"
NOBODY = 0
KEPT = ("counter", "histogram")  # of a process that has ended; what a gauge said ends with it

Versions = frozenset[tuple[str, str]]  # of model and version


class WorkerFiles(Collector):
    """Collects from a folder of the library's files.

    Args:
        folder: the folder, PROMETHEUS_MULTIPROC_DIR of the processes.
        registered: returns the versions whose series go on; None where that cannot be told now.
    """

    def __init__(self, folder: Path, registered: Callable[[], Versions | None]) -> None:
        self._folder = folder
        self._registered = registered
        self._lock = threading.Lock()  # two scrapers must not both add up one file

    def collect(self) -> Iterator[Metric]:
        """Every metric, with the samples of registered versions."""
        with self._lock:
            files = [path for path in sorted(self._folder.glob(f"*{SUFFIX}")) if path.stat().st_size]
            registered = self._registered()
            alive = [path for path in files if _is_written(path)]
            for path in set(files) - set(alive):
                self._absorb(path)
            if registered is not None:
                self._forget_others(registered)
            kept = [path for kind in KEPT if (path := self._of_nobody(kind)).exists()]
            metrics = MultiProcessCollector.merge([str(path) for path in {*alive, *kept}], accumulate=True)
        for metric in metrics:
            if registered is not None:
                metric.samples = [one for one in metric.samples if _belongs(one.labels, registered)]
            if metric.samples:
                yield metric

    def describe(self) -> Iterable[Metric]:
        """Nothing: which metrics there are is known once a worker has written one."""
        return []

    def _of_nobody(self, kind: str) -> Path:
        return self._folder / f"{kind}_{NOBODY}{SUFFIX}"

    def _absorb(self, path: Path) -> None:
        """Add the counts of a process that has ended to nobody's, and remove its file."""
        kind = path.name.partition("_")[0]
        if kind in KEPT:
            kept = MmapedDict(str(self._of_nobody(kind)))
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
                kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
            kept.close()
        path.unlink()

    def _forget_others(self, registered: Versions) -> None:
        """Drop nobody's counts of versions that are not registered: one that comes back starts at zero."""
        for kind in KEPT:
            path = self._of_nobody(kind)
            if not path.exists():
                continue
            counts = {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path))}
            going_on = {key: value for key, value in counts.items() if _belongs(_labels(key), registered)}
            if len(going_on) == len(counts):
                continue
            path.unlink()
            kept = MmapedDict(str(path))
            for key, value in going_on.items():
                kept.write_value(key, value, 0.0)
            kept.close()


def _is_written(path: Path) -> bool:
    """Whether the process that a file is named after lives and has it open: no clock tells it from a later process."""
    pid = int(path.stem.rpartition("_")[2])
    if pid == NOBODY:
        return True
    try:
        return any(Path(opened.path) == path.resolve() for opened in psutil.Process(pid).open_files())
    except psutil.Error:
        return False


def _labels(key: str) -> dict[str, str]:
    """The labels in a key of the library's files: `[metric, sample, labels, help]` as JSON."""
    labels: dict[str, str] = json.loads(key)[2]
    return labels


def _belongs(labels: dict[str, str], registered: Versions) -> bool:
    return "version" not in labels or (labels.get("model", ""), labels["version"]) in registered
