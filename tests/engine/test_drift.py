"""The reference of a version as a file, and the index that tells how far a window is from it."""

import json
import math

import pytest

from engine.drift import Bins, DriftError, Reference, population_stability_index, read_reference

REFERENCE = Reference(
    of="8 images",
    window_images=4,
    false_alarm_rate=0.001,
    class_bins=(0, 1, 1),
    classes=Bins((4, 4), 10.0),
    confidence=Bins((3, 5), 10.0, (0.7,)),
    margin=Bins((2, 6), 10.0, (0.9,)),
)


def test_the_index_is_the_textbooks():
    p, q = (0.6, 0.4), (0.5, 0.5)
    textbook = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert population_stability_index([6e9, 4e9], [5e9, 5e9]) == pytest.approx(textbook)
    assert population_stability_index([3, 5], [3, 5]) == 0
    assert math.isfinite(population_stability_index([10, 0], [0, 10]))


def test_distributions_of_other_bins_are_not_compared():
    with pytest.raises(ValueError, match="zip"):
        population_stability_index([1, 2], [1, 2, 3])


def test_a_larger_window_or_reference_has_a_lower_limit():
    assert Bins((50, 50), 10.0).limit(100) == pytest.approx(0.2)
    assert Bins((50, 50), 10.0).limit(1000) < Bins((50, 50), 10.0).limit(100)
    assert Bins((500, 500), 10.0).limit(100) < Bins((50, 50), 10.0).limit(100)


def test_a_reference_is_read_as_it_was_written(tmp_path):
    assert read_reference(tmp_path) is None
    (tmp_path / "drift.json").write_text(json.dumps(REFERENCE.to_json()))
    assert read_reference(tmp_path) == REFERENCE


@pytest.mark.parametrize(
    "change",
    [
        {"classes": None},
        {"margin": {"counts": [1, 2]}},
        {"unknown": 1},
        {"class_bins": [0, 1, 5]},
        {"confidence": {"counts": [3, 5], "critical": 10.0, "bounds": [0.5, 0.7]}},
    ],
    ids=str,
)
def test_a_section_that_is_incomplete_or_does_not_fit_says_what_mends_it(change):
    with pytest.raises(DriftError, match=r"run `python train\.py drift`"):
        Reference.from_json(REFERENCE.to_json() | change)


def test_a_file_that_is_not_json_is_refused():
    with pytest.raises(DriftError, match="pack the archive again"):
        Reference.from_text("{")
