"""The project's decoding and engine without a server: what the handler does to a batch of images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from engine.class_names import load_class_names
from engine.loading import load_engine
from images.decode import decode_image

MAX_PIXELS = 25_000_000


class ProjectClassifier:
    """The engine of an unpacked archive, loaded as the handler loads it.

    Args:
        model_dir: the folder of the archive's files.
        batch_size: the largest batch that will come.
        precision: instead of that of model-config.yaml.
    """

    def __init__(self, model_dir: Path, *, batch_size: int, precision: str | None = None) -> None:
        manifest = json.loads((model_dir / "MAR-INF" / "MANIFEST.json").read_text())["model"]
        settings = yaml.safe_load((model_dir / manifest["configFile"]).read_text())["handler"]
        self.engine = load_engine(
            model_dir,
            manifest_model=manifest,
            classes=len(load_class_names(model_dir / "index_to_name.json")),
            precision=precision or settings["precision"],
            batch_size=batch_size,
            gpu_id=None,
        )

    def probabilities(self, images: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Class probabilities (N, classes) float32 of encoded images."""
        size = self.engine.image_size
        pixels = [decode_image(image, image_size=size, max_pixels=MAX_PIXELS) for image in images]
        return self.engine.probabilities(np.stack(pixels))

    def classes(self, images: Sequence[bytes]) -> list[int]:
        """The best class (index) of each encoded image."""
        best: list[int] = self.probabilities(images).argmax(axis=1).tolist()
        return best

    def description(self) -> dict[str, Any]:
        """What the engine says of itself."""
        return self.engine.description()
