"""The reference of a version: what it answers to images that it was not trained on, as counts in fixed bins.

Training writes it as section `drift` of the record, archive.py packs it as `drift.json`, workers count in its bins, and
the launcher compares. A file format shared by four rooms, so it is read and written here alone; standard library only.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

DRIFT_JSON = "drift.json"
STATISTICS = ("classes", "confidence", "margin")
SMOOTHING = 0.5  # added to each count: a bin without an image must not make the index infinite


class DriftError(Exception):
    """A section that cannot be used; fit to print as it is."""


@dataclass(frozen=True)
class Bins:
    """The distribution of one statistic.

    Attributes:
        counts: images of the reference in each bin.
        critical: of chi-square with one degree of freedom fewer than bins, at the stated rate of false alarms.
        bounds: upper bounds, inclusive, of all bins but the last; empty for classes.
    """

    counts: tuple[int, ...]
    critical: float
    bounds: tuple[float, ...] = ()

    def limit(self, images: float) -> float:
        """The index that a window of so many images exceeds by chance alone as often as stated."""
        return self.critical * (1 / sum(self.counts) + 1 / images)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The distributions of the answers to held-out images.

    Attributes:
        of: which images, in words.
        window_images: the least number of images that is compared with it.
        false_alarm_rate: the share of windows, 0 to 1, found different where nothing is.
        class_bins: the bin of each class, in the order of the probabilities; rare classes share one.
        classes: of the most probable class.
        confidence: of its probability.
        margin: of the top-2 margin, in nats (`engine.margins`).
    """

    of: str
    window_images: int
    false_alarm_rate: float
    class_bins: tuple[int, ...]
    classes: Bins
    confidence: Bins
    margin: Bins

    @classmethod
    def from_json(cls, section: Mapping[str, Any]) -> Self:
        """Read the section of a record, or what `drift.json` holds.

        Raises:
            DriftError: it is incomplete, or its bins do not fit together.
        """
        try:
            bins = {
                name: Bins(
                    tuple(section[name]["counts"]), section[name]["critical"], tuple(section[name].get("bounds", ()))
                )
                for name in STATISTICS
            }
            reference = cls(**{**section, "class_bins": tuple(section["class_bins"]), **bins})
            fits = set(reference.class_bins) == set(range(len(reference.classes.counts))) and all(
                len(each.counts) == len(each.bounds) + 1 > 1 and sum(each.counts) > 0
                for each in (reference.confidence, reference.margin)
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise DriftError(f"the drift section is incomplete ({fault!r}); run `python train.py drift`") from fault
        if not fits:
            raise DriftError("the bins of the drift section do not fit their counts; run `python train.py drift`")
        return reference

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """Read the text of `drift.json`; raises DriftError likewise."""
        try:
            return cls.from_json(json.loads(text))
        except ValueError as fault:
            raise DriftError(f"{DRIFT_JSON} is not JSON ({fault}); pack the archive again") from fault

    def to_json(self) -> dict[str, Any]:
        """The section as JSON values."""
        return asdict(self)

    def bins(self) -> dict[str, Bins]:
        """The distributions by the names of `STATISTICS`."""
        return {"classes": self.classes, "confidence": self.confidence, "margin": self.margin}


def read_reference(folder: Path) -> Reference | None:
    """What `drift.json` of an unpacked archive says, or None where it has none; raises DriftError."""
    path = folder / DRIFT_JSON
    return Reference.from_text(path.read_bytes()) if path.exists() else None


def population_stability_index(reference: Sequence[float], counts: Sequence[float]) -> float:
    """How far two distributions over the same bins are apart: the sum of (p - q) ln(p / q), in nats; 0 where equal.

    By custom below 0.1 is a small shift and above 0.25 a large one. Of m and n images from one distribution it is
    near (1/m + 1/n) times chi-square (Yurdakul and Naranjo, "Statistical properties of the population stability
    index", Journal of Risk Model Validation 14, 2020).

    Raises:
        ValueError: the numbers of bins differ.
    """
    smoothed = [[count + SMOOTHING for count in each] for each in (reference, counts)]
    shares = [[count / sum(each) for count in each] for each in smoothed]
    return math.fsum((p - q) * math.log(p / q) for p, q in zip(*shares, strict=True))
