"""What the engine's description says of its stages: in which precisions they compute, which images they answered."""

from collections.abc import Mapping, Sequence
from typing import Any


def images_by_stage(description: Mapping[str, Any]) -> list[int]:
    """How many images each stage has answered, first stage first; empty where an engine has no stages."""
    return [int(stage["images"]) for stage in description.get("stages", [])]


def shares(images: Sequence[int]) -> list[float]:
    """The share of images that each stage has answered; empty without images, or with one stage."""
    total = sum(images)
    return [round(count / total, 4) for count in images] if total and len(images) > 1 else []


def stack_of(description: Mapping[str, Any]) -> str:
    """What computes: the engine and the precision of each stage, `openvino 2026.4.1, int8 + fp32`; or nothing."""
    precisions = " + ".join(str(stage["precision"]) for stage in description.get("stages", []))
    engine = str(description.get("engine", "")).partition("-")[0]  # OpenVINO adds its commit
    return ", ".join(filter(None, [engine, precisions]))
