"""A worker counts its answers in the bins of the reference, many at a time."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from engine.drift import Bins, Reference
from engine.margins import top2_margins
from handler.distribution import COUNT_AFTER_IMAGES, Distribution

NAMES = ["plane", "car", "bird"]
REFERENCE = Reference(
    of="8 images",
    window_images=4,
    false_alarm_rate=0.001,
    class_bins=(0, 1, 2),
    classes=Bins((4, 2, 2), 10.0),
    confidence=Bins((3, 5), 10.0, (0.7,)),
    margin=Bins((2, 6), 10.0, (0.9,)),
)
LABELS = {"model": "m", "version": "1.0"}


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def distribution(registry, monkeypatch):
    monkeypatch.setattr("handler.distribution.time.perf_counter", lambda: 0.5)
    return Distribution(REFERENCE, NAMES, LABELS, registry)


def answers(count):
    return np.random.default_rng(0).dirichlet([1, 1, 1], count).astype(np.float32)


def test_what_is_counted_is_what_the_librarys_own_calls_would_count(distribution, registry):
    probabilities = answers(200)
    for batch in np.array_split(probabilities, 7):
        distribution.add(batch)
    distribution.count()
    classes = np.bincount(probabilities.argmax(axis=1))
    for name, images in zip(NAMES, classes, strict=True):
        assert registry.get_sample_value("pixserve_predictions_total", LABELS | {"class": name}) == images
    for metric, values, bound in (
        ("pixserve_confidence_ratio", probabilities.max(axis=1), 0.7),
        ("pixserve_margin_nats", top2_margins(probabilities), 0.9),
    ):
        assert registry.get_sample_value(f"{metric}_bucket", LABELS | {"le": str(bound)}) == (values <= bound).sum()
        assert registry.get_sample_value(f"{metric}_count", LABELS) == 200
        assert registry.get_sample_value(f"{metric}_sum", LABELS) == pytest.approx(values.sum(), rel=1e-5)


def test_answers_are_counted_once_a_second_or_once_they_are_many(distribution, registry, monkeypatch):
    def counted():
        return registry.get_sample_value("pixserve_margin_nats_count", LABELS)

    distribution.add(answers(5))
    distribution.end_batch()
    assert counted() == 0
    monkeypatch.setattr("handler.distribution.time.perf_counter", lambda: 1.6)
    distribution.end_batch()
    distribution.end_batch()
    assert counted() == 5
    distribution.add(answers(COUNT_AFTER_IMAGES))
    distribution.end_batch()
    assert counted() == 5 + COUNT_AFTER_IMAGES
