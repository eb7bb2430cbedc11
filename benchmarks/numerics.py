"""How often few bits give another class than float32: the handler's own networks, on every test picture.

It runs with handler/ on its path, as the files of an archive do (`make bench-numerics`).

python -m benchmarks.numerics model/cifar10-2.0.json    writes what it finds into the record, as `numerics`
"""

import copy
import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.progress import track
from torch import Tensor, nn

from engine.precision import TwoPrecisions, in_precision, is_fast
from training.networks import image_size, load_network
from training.record import few_bits_entry, write_record
from training.sources import load_source

BATCH_SIZE = 32


@torch.inference_mode()
def logits(network: nn.Module, images: Tensor, *, title: str) -> Tensor:
    """Return (N, classes) float32 of (N, 3, S, S) uint8, in batches as they are served."""
    batches = track(torch.split(images, BATCH_SIZE), description=title)
    return torch.cat([network(batch).float() for batch in batches])


def measure(trained: nn.Module, images: Tensor) -> dict[str, Any]:
    """Return an entry for each precision that this processor is made for."""
    exact = logits(trained, images, title="float32")
    found = {}
    for precision in filter(is_fast, ("int8", "bf16")):
        network = in_precision(copy.deepcopy(trained), images[:BATCH_SIZE], precision=precision)
        assert isinstance(network, TwoPrecisions)
        coarse = logits(network.coarse, images, title=precision)
        found[precision] = few_bits_entry(exact, coarse, close_call=network.close_call)
    return found


def main(
    record: Annotated[Path, typer.Argument(help="The record of weights of a network that has a close_call.")],
    source: Annotated[str, typer.Option(help="Where the test pictures are: `cifar10`, or DIR.")] = "data",
) -> None:
    """Measure, and write it into the record."""
    trained, facts = load_network(record.with_suffix(".pt"))
    images = load_source(source, image_size=image_size(type(trained))).test.images
    found = measure(trained, images.contiguous(memory_format=torch.channels_last))
    facts["numerics"] = {"served": facts["numerics"]["served"], "close_call": trained.close_call} | found
    write_record(record, facts)
    print(json.dumps(found))


if __name__ == "__main__":
    typer.run(main)
