"""torch as the engine of a peer."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.peers.classifier import Classifier

PRECISIONS = ("fp32", "bf16")


class TorchClassifier(Classifier):
    """A network in torch, channels last, in eval mode.

    Args:
        record: the training record; the weights lie beside it.
        precision: ``fp32``, or ``bf16`` for autocast.
        threads: intra-op threads.
    """

    def __init__(self, record: Path, *, precision: str = "fp32", threads: int = 1) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}")
        torch.set_num_threads(threads)
        network = load_network(record)
        super().__init__(record, image_size=int(network.image_size))
        self._network = network.to(memory_format=torch.channels_last)
        self._autocast = precision == "bf16"

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Classifier.probabilities`."""
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)  # channels last in memory: nothing is copied
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._autocast):
            logits = self._network(images)
        result: NDArray[np.float32] = logits.float().softmax(dim=1).numpy()
        return result


def load_network(record: Path) -> Any:
    """The trained network of a record, in eval mode."""
    facts = json.loads(record.read_text())
    if facts["network"].startswith("torchvision."):
        from training import networks

        return networks.load_network(record.with_suffix(".pt"))[0]
    module = importlib.import_module(f"model.{facts['network']}")
    (network_class,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    )
    network = network_class(classes=len(facts["class_names"]))
    network.load_state_dict(torch.load(record.with_suffix(".pt"), weights_only=True))
    return network.eval()
