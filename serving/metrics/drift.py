"""Whether what is answered now differs from what was answered to held-out images, window by window.

Workers count their answers in the bins of a reference, which the archive carries (`engine.drift`). A window ends with
the first scrape after so many images as the reference asks for; the gauges are those of the last one that ended.
"""

import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from engine.drift import DRIFT_JSON, DriftError, Reference, population_stability_index
from pixserve.archive_facts import ArchiveFacts
from pixserve.records import ModelVersion

MODEL = ("model", "version")
CLASSES = "pixserve_predictions_total"
HISTOGRAMS = {"confidence": "pixserve_confidence_ratio_bucket", "margin": "pixserve_margin_nats_bucket"}

Version = tuple[str, str]
Samples = dict[tuple[str, str], float]  # value by the sample's name, and its class or `le`
Counts = Mapping[str, Sequence[float]]  # images in each bin, by statistic
Packed = tuple[Reference, Sequence[str]]  # a reference and the class names


class Window(NamedTuple):
    """A window that has ended: its images, its end (seconds since 1970), index and limit by statistic."""

    images: float
    end_s: float
    indexes: dict[str, float]
    limits: dict[str, float]


class Drift(Collector):
    """Passes on what workers have counted, and adds how far that is from the references.

    Args:
        workers: collects what workers have counted.
        versions: returns the registered versions; None where that cannot be told now.
        store: the folder of archives.
    """

    def __init__(self, workers: Collector, versions: Callable[[], list[ModelVersion] | None], store: Path) -> None:
        self._workers = workers
        self._versions = versions
        self._store = store
        self._begun: dict[Version, Counts] = {}  # what had been counted when the window began
        self._ended: dict[Version, Window] = {}
        self._read: dict[Path, tuple[tuple[int, int, int], Packed | None]] = {}  # what came of which file
        self._lock = threading.Lock()  # two scrapers must not end one window twice

    def collect(self) -> Iterator[Metric]:
        """What workers have counted, then the gauges."""
        with self._lock:
            metrics = list(self._workers.collect())
            versions = self._versions()
            if versions is not None:
                self._follow(versions, _samples(metrics))
            gauges = list(_gauges(self._ended))
        yield from metrics
        yield from gauges

    def describe(self) -> Iterable[Metric]:
        """Nothing: naming them would ask TorchServe."""
        return []

    def _follow(self, versions: list[ModelVersion], samples: Mapping[Version, Samples]) -> None:
        """End the windows that are full; forget versions that are gone."""
        archives = {(one.model, one.version): self._store / one.archive for one in versions}
        self._begun = {version: counts for version, counts in self._begun.items() if version in archives}
        self._ended = {version: window for version, window in self._ended.items() if version in archives}
        self._read = {path: known for path, known in self._read.items() if path in archives.values()}
        for version in archives.keys() & samples.keys():
            if (packed := self._reference(archives[version])) is None:
                continue
            reference, class_names = packed
            counts = _in_bins(reference, class_names, samples[version])
            if counts is None:
                continue
            new = _since(self._begun.get(version), counts)
            if sum(new["classes"]) >= reference.window_images:
                self._begun[version], self._ended[version] = counts, _compared(reference, new)

    def _reference(self, archive: Path) -> Packed | None:
        """What an archive holds; it is opened again where another file has its name."""
        try:
            state = archive.stat()
        except OSError:
            return None
        key = (state.st_ino, state.st_mtime_ns, state.st_size)
        if self._read.get(archive, (None, None))[0] != key:
            self._read[archive] = key, _read_reference(archive)
        return self._read[archive][1]


def _compared(reference: Reference, counts: Counts) -> Window:
    images, bins = sum(counts["classes"]), reference.bins()
    indexes = {name: population_stability_index(bins[name].counts, counts[name]) for name in bins}
    return Window(images, time.time(), indexes, {name: each.limit(images) for name, each in bins.items()})


def _since(before: Counts | None, now: Counts) -> Counts:
    """What has come since; all of it where the counters have started at zero in between."""
    if before is None or sum(now["classes"]) < sum(before["classes"]):
        return now
    return {name: [new - old for new, old in zip(now[name], before[name], strict=True)] for name in now}


def _samples(metrics: Iterable[Metric]) -> Mapping[Version, Samples]:
    """What the bins of each version hold."""
    found: dict[Version, Samples] = defaultdict(dict)
    for sample in (sample for metric in metrics for sample in metric.samples):
        if sample.name == CLASSES or sample.name in HISTOGRAMS.values():
            labels = sample.labels
            bin_ = labels["class"] if sample.name == CLASSES else labels["le"]
            found[labels["model"], labels["version"]][sample.name, bin_] = sample.value
    return found


def _in_bins(reference: Reference, class_names: Sequence[str], samples: Samples) -> Counts | None:
    """The counts in the bins of a reference; None where they are of other bins, as of an archive that was replaced."""
    classes = [0.0] * len(reference.classes.counts)
    for name, bin_ in zip(class_names, reference.class_bins, strict=True):
        classes[bin_] += samples.get((CLASSES, name), 0.0)
    counts = {"classes": classes}
    for statistic, histogram in HISTOGRAMS.items():
        cumulative = sorted((float(bound), value) for (name, bound), value in samples.items() if name == histogram)
        if [bound for bound, _ in cumulative[:-1]] != list(reference.bins()[statistic].bounds):
            return None
        values = [0.0, *(value for _, value in cumulative)]
        counts[statistic] = [above - below for below, above in pairwise(values)]
    return counts


def _read_reference(archive: Path) -> Packed | None:
    """The reference and the class names of an archive; None where it has none that can be used."""
    try:
        with zipfile.ZipFile(archive) as packed:
            if DRIFT_JSON not in packed.namelist():
                return None
            reference, names = Reference.from_text(packed.read(DRIFT_JSON)), ArchiveFacts.of(packed).class_names
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError, DriftError):
        return None
    return (reference, names) if len(names) == len(reference.class_bins) else None


def _gauges(ended: Mapping[Version, Window]) -> Iterator[Metric]:
    psi = GaugeMetricFamily(
        "pixserve_drift_psi", "Population stability index of the last window.", labels=(*MODEL, "statistic")
    )
    limit = GaugeMetricFamily(
        "pixserve_drift_psi_limit",
        "What the index exceeds by chance as rarely as stated.",
        labels=(*MODEL, "statistic"),
    )
    images = GaugeMetricFamily("pixserve_drift_window_images", "Images of the last window.", labels=MODEL)
    end = GaugeMetricFamily("pixserve_drift_window_end_time_seconds", "When the last window ended.", labels=MODEL)
    for version, window in ended.items():
        for statistic, index in window.indexes.items():
            psi.add_metric((*version, statistic), index)
            limit.add_metric((*version, statistic), window.limits[statistic])
        images.add_metric(version, window.images)
        end.add_metric(version, window.end_s)
    yield from (psi, limit, images, end)
