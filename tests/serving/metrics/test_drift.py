"""Windows of what workers have counted are compared with the reference of the archive that they serve."""

import json
import zipfile
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from engine.drift import Bins, Reference, population_stability_index
from handler.distribution import Distribution
from pixserve.records import ModelVersion
from serving.metrics.drift import Drift
from tests.handler.test_distribution import LABELS, NAMES, REFERENCE, answers

VERSION = ModelVersion("m", "1.0", "m-1.0.mar", True, (), 1, 0, 100, 1, 1)
FITTING = replace(REFERENCE, window_images=100, class_bins=(0, 1, 1), classes=Bins((4, 4), 10.0))


def pack(store, reference: Reference | None) -> None:
    with zipfile.ZipFile(store / VERSION.archive, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelName": "m", "modelVersion": "1.0"}}))
        archive.writestr("index_to_name.json", json.dumps(dict(enumerate(NAMES))))
        if reference:
            archive.writestr("drift.json", json.dumps(reference.to_json()))


class Service:
    """A worker, a model store, and the collector of both."""

    def __init__(self, store) -> None:
        self.store = store
        self.versions: list[ModelVersion] | None = [VERSION]
        self.start_worker()
        self.registry = CollectorRegistry()
        pack(store, FITTING)
        self.drift = Drift(self, lambda: self.versions, store)
        self.registry.register(self.drift)

    def start_worker(self) -> None:
        self.worker = CollectorRegistry()
        self.distribution = Distribution(FITTING, NAMES, LABELS, self.worker)

    def collect(self):
        return self.worker.collect()

    def describe(self):
        return []

    def answer(self, images: int):
        probabilities = answers(images)
        self.distribution.add(probabilities)
        self.distribution.count()
        return probabilities

    def scrape(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, LABELS | labels)


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path)


def test_a_window_that_is_full_is_compared_with_the_reference(service):
    probabilities = service.answer(100)
    psi, limit = (
        service.scrape(name, statistic="confidence") for name in ("pixserve_drift_psi", "pixserve_drift_psi_limit")
    )
    low = int((probabilities.max(axis=1) <= 0.7).sum())
    assert psi == pytest.approx(population_stability_index((3, 5), (low, 100 - low)))
    assert limit == pytest.approx(10 * (1 / 8 + 1 / 100))
    first = int((probabilities.argmax(axis=1) == 0).sum())
    expected = population_stability_index((4, 4), (first, 100 - first))
    assert service.scrape("pixserve_drift_psi", statistic="classes") == pytest.approx(expected)
    assert service.scrape("pixserve_drift_window_images") == 100
    assert service.scrape("pixserve_predictions_total", **{"class": "plane"}) == first


def test_a_window_begins_where_the_last_one_ended(service):
    service.answer(99)
    assert service.scrape("pixserve_drift_window_images") is None
    service.answer(11)
    assert service.scrape("pixserve_drift_window_images") == 110
    service.answer(60)
    assert service.scrape("pixserve_drift_window_images") == 110
    service.answer(60)
    assert service.scrape("pixserve_drift_window_images") == 120


def test_a_version_that_is_retired_has_no_window_and_begins_a_new_one_when_it_comes_back(service):
    service.answer(150)
    assert service.scrape("pixserve_drift_window_images") == 150
    service.versions = []
    assert service.scrape("pixserve_drift_window_images") is None
    service.start_worker()
    service.versions = [VERSION]
    service.answer(99)
    assert service.scrape("pixserve_drift_window_images") is None


def test_counters_that_began_again_between_two_scrapes_begin_a_new_window(service):
    service.answer(150)
    service.scrape("pixserve_drift_psi", statistic="margin")
    service.start_worker()
    service.answer(120)
    assert service.scrape("pixserve_drift_window_images") == 120


def test_the_last_window_stays_while_torchserve_does_not_say_what_is_registered(service):
    service.answer(150)
    service.scrape("pixserve_drift_psi", statistic="margin")
    service.versions = None
    assert service.scrape("pixserve_drift_window_images") == 150


@pytest.mark.parametrize("other", [None, replace(FITTING, margin=Bins((2, 6), 10.0, (0.5,)))], ids=["none", "bins"])
def test_an_archive_with_no_or_another_reference_is_not_compared(service, other):
    pack(service.store, other)
    service.answer(150)
    assert service.scrape("pixserve_drift_psi", statistic="margin") is None
    assert service.scrape("pixserve_margin_nats_count") == 150


def test_a_missing_or_broken_archive_does_not_stop_the_scrape(service):
    (service.store / VERSION.archive).write_bytes(b"no zip")
    service.answer(150)
    assert service.scrape("pixserve_margin_nats_count") == 150
    (service.store / VERSION.archive).unlink()
    assert service.scrape("pixserve_margin_nats_count") == 150
