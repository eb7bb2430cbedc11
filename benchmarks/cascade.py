"""How a cascade shares images out to its stages: read from the counters in the engine's description."""

from collections.abc import Mapping, Sequence
from typing import Any


def images_by_stage(description: Mapping[str, Any]) -> list[int]:
    """How many images each stage has answered, first stage first; empty where an engine has no stages."""
    return [int(stage["images"]) for stage in description.get("stages", [])]


def shares(images: Sequence[int]) -> list[float]:
    """The share of images that each stage has answered; empty without images, or with one stage."""
    total = sum(images)
    return [round(count / total, 4) for count in images] if total and len(images) > 1 else []
