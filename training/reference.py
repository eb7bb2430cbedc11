"""Measures the reference of an exported version, for `python train.py drift`."""

from pathlib import Path

from rich.console import Console

from engine.drift import Reference, population_stability_index
from engine.loading import openvino_engine
from engine.metadata import EngineMetadata
from training.destination import refuse_shipped
from training.drift import FEWEST_IMAGES, counts_of, held_out_reference
from training.errors import SourceError
from training.export import predict_stored
from training.parts import load_parts
from training.record import ALL_KEYS, read_record, write_record


def write_reference(path: Path, *, source_name: str, overwrite: bool, console: Console) -> None:
    """Write the reference into the record of an exported version; print how the other half of the test images fares.

    Raises:
        OutputError: the record is shipped, and `overwrite` is false.
        WeightsError: the record cannot be used, or its version was not exported.
        SourceError: it was trained on other images, or the test images are too few.
    """
    if not overwrite:
        refuse_shipped([path])
    record = read_record(path, keys=(*ALL_KEYS, "engine"))
    metadata = EngineMetadata.from_json(record["engine"])
    parts = load_parts(record, source_name, image_size=metadata.image_size, console=console)
    if parts.fingerprint != record["data"]["fingerprint"]:
        raise SourceError(f"{parts.description} is not what {path} was trained on: give the source that it was.")
    probabilities = predict_stored(openvino_engine(path.parent, metadata), parts.test.images).probabilities
    reference = held_out_reference(probabilities)
    if reference is None:
        raise SourceError(
            f"{parts.description}: {len(probabilities):,} test images make no reference; at least {2 * FEWEST_IMAGES} "
            "do, if they are not all answered alike."
        )
    write_record(path, record | {"drift": reference.to_json()})
    found = counts_of(reference, probabilities[1::2])
    console.print(f"{path.stem}: {_comparison(reference, found)}", highlight=False, soft_wrap=True)


def _comparison(reference: Reference, found: dict[str, list[int]]) -> str:
    images = sum(found["classes"])
    if not images:
        return f"a reference of {reference.of}"
    indexes = (
        f"{name} {population_stability_index(bins.counts, found[name]):.4f} of {bins.limit(images):.4f}"
        for name, bins in reference.bins().items()
    )
    return f"a reference of {reference.of}; the {images:,} others are {', '.join(indexes)} away from it"
