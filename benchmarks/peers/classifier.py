"""What every peer calls: Pillow decodes the whole picture, torch runs the network. Also the reference for answers."""

import importlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from benchmarks.peers import variables

PRECISIONS = ("fp32", "bf16")


class Classifier:
    """A trained network, loaded once a process.

    Args:
        record: the training record; the weights lie beside it.
        precision: ``fp32``, or ``bf16`` for autocast.
    """

    def __init__(self, record: Path, *, precision: str = "fp32") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}")
        facts = json.loads(record.read_text())
        self.class_names: list[str] = facts["class_names"]
        self._half = precision == "bf16"
        network = network_class(facts["network"])(classes=len(self.class_names))
        network.load_state_dict(torch.load(record.with_suffix(".pt"), weights_only=True))
        self.network: nn.Module = network.eval().to(memory_format=torch.channels_last)
        self.image_size = int(network.image_size)

    @classmethod
    def from_environment(cls) -> "Classifier":
        """Load what the benchmark's environment variables name, for one thread."""
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        return cls(Path(os.environ[variables.RECORD]), precision=os.environ[variables.PRECISION])

    def decode(self, image: bytes) -> Tensor:
        """Return the central square of an encoded picture as ``(3, S, S) uint8``."""
        return self.pixels(Image.open(io.BytesIO(image)))

    def pixels(self, picture: Image.Image) -> Tensor:
        """Return the central square of a picture as ``(3, S, S) uint8``."""
        picture, size = picture.convert("RGB"), (self.image_size, self.image_size)
        if picture.size != size:
            picture = ImageOps.fit(picture, size, Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)

    def probabilities(self, pictures: Sequence[Tensor]) -> Tensor:
        """Return the probabilities ``(N, classes) float32`` of decoded pictures, in one forward pass."""
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._half):
            logits: Tensor = self.network(torch.stack(list(pictures)))
        return logits.float().softmax(dim=1)

    def answers(self, pictures: Sequence[Tensor]) -> list[dict[str, Any]]:
        """Return what the tutorial's application answers, for each decoded picture."""
        probabilities, classes = self.probabilities(pictures).max(dim=1)
        return [
            {"class": index, "class_name": self.class_names[index], "probability": probability}
            for index, probability in zip(classes.tolist(), probabilities.tolist(), strict=True)
        ]

    def answer(self, image: bytes) -> dict[str, Any]:
        """Return the answer to one encoded picture."""
        return self.answers([self.decode(image)])[0]


def network_class(name: str) -> Any:
    """Return the one network that ``model/<name>.py`` defines."""
    module = importlib.import_module(f"model.{name}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    )
    return found
