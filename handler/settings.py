"""The `handler:` section of model-config.yaml as a checked value."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from engine.loading import PRECISIONS
from images.decode import MAX_PIXELS


@dataclass(frozen=True, kw_only=True)
class HandlerSettings:
    """What one model's handler accepts and answers; every number is a whole one of at least 1.

    `top_k` is how many classes an answer names where the request does not say (all of them, where the model has
    fewer). `max_image_bytes` limits an image as sent, `max_image_pixels` its width times height, `max_images`
    how many of them a request may hold.
    `precision` is what the network computes in: `auto`, int8 with a float32 fallback where that was exported, else
    float32; `int8`, the same, but refused at load where there is no int8; `fp32`, float32 alone.
    """

    top_k: int = 5
    max_image_bytes: int = 10_000_000
    max_image_pixels: int = MAX_PIXELS
    max_images: int = 64
    precision: str = "auto"

    @classmethod
    def from_section(cls, section: Mapping[str, Any] | None) -> Self:
        """Settings from the parsed YAML section; None (no section) gives the defaults.

        Raises:
            ValueError: an unknown key, or a value that is not what is expected there, by its name.
        """
        if section is not None and not isinstance(section, Mapping):
            raise ValueError(f"`handler:` in model-config.yaml is {section!r}; expected a mapping of settings")
        section = section or {}
        known = {field.name for field in fields(cls)}
        for name, value in section.items():
            if name not in known:
                raise ValueError(f"handler.{name} in model-config.yaml is unknown; known are {sorted(known)}")
            if name == "precision":
                if value not in PRECISIONS:
                    raise ValueError(f"handler.precision is {value!r}; expected one of {', '.join(PRECISIONS)}")
            elif type(value) is not int or value < 1:
                raise ValueError(f"handler.{name} is {value!r}; expected a whole number of at least 1")
        return cls(**section)
