"""What the engine of a model consists of: the stages of a cascade, and the OpenVINO files that each of them runs.

Training writes it as section `engine` of the record. archive.py packs it as `engine.json`, beside the files it names. A
file format shared by three rooms, so it is read and written here alone; standard library only.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

ENGINE_JSON = "engine.json"
FORMAT = 1
PRECISIONS = ("int8", "fp32")
MAX_VIEWS = 6


class MetadataError(Exception):
    """An engine section that cannot be used, or a file that is not the one it names; fit to print as it is."""


@dataclass(frozen=True)
class HashedFile:
    """A file beside the metadata, and the SHA-256 of its bytes in hex."""

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Describe a file as it is now."""
        return cls(path.name, hashlib.sha256(path.read_bytes()).hexdigest())

    def read(self, folder: Path) -> bytes:
        """The bytes of the file in `folder`.

        Raises:
            MetadataError: it is missing, or its bytes are other ones.
        """
        try:
            content = (folder / self.file).read_bytes()
        except FileNotFoundError as missing:
            raise MetadataError(f"{self.file} is missing; `python train.py export` writes it") from missing
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise MetadataError(
                f"{self.file} is not the file that was exported (SHA-256 differs): fetch it again, or run "
                "`python train.py export`"
            )
        return content


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One network of a cascade.

    Attributes:
        name: of the weights, `cifar10-2.0` say.
        precision: what its convolutions compute in, one of `PRECISIONS`.
        xml: the OpenVINO IR: the graph, from pixels (N, S, S, 3) uint8 to probabilities (N, classes) float32.
        bin: its weights.
        min_margin: least top-2 margin (difference of the two highest logits) of an answer that stands; the next stage
            computes the others again. 0 in the last stage.
        temperature: divides the logits of the answers that stand, once it is clear which do (calibration).
        views: how many views of an image (itself, mirrored, shifted) it averages, 1 to 6; see `engine.views`. Where the
            stage before has the same files and one view, its answer is one of them.
    """

    name: str
    precision: str
    xml: HashedFile
    bin: HashedFile
    min_margin: float = 0.0
    temperature: float = 1.0
    views: int = 1

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Self:
        """Read one entry of `stages`."""
        return cls(**entry | {"xml": HashedFile(**entry["xml"]), "bin": HashedFile(**entry["bin"])})


@dataclass(frozen=True, kw_only=True)
class EngineMetadata:
    """Stages in the order in which they are asked, the side of the images (pixels), the number of classes."""

    image_size: int
    classes: int
    stages: tuple[Stage, ...]

    @classmethod
    def from_json(cls, section: Any) -> Self:
        """Read the section of a record, or what `engine.json` holds; keys of neither meaning are passed over.

        Raises:
            MetadataError: it is of another format, or incomplete.
        """
        try:
            if section["format"] != FORMAT:
                raise MetadataError(f"the engine section has format {section['format']}; this version reads {FORMAT}")
            stages = tuple(Stage.from_json(entry) for entry in section["stages"])
            metadata = cls(image_size=section["image_size"], classes=section["classes"], stages=stages)
        except (KeyError, TypeError) as fault:
            raise MetadataError(
                f"the engine section is incomplete ({fault!r}); run `python train.py export`"
            ) from fault
        metadata._check()
        return metadata

    def to_json(self) -> dict[str, Any]:
        """The section as JSON values."""
        return {"format": FORMAT, **asdict(self), "stages": [asdict(stage) for stage in self.stages]}

    def files(self) -> list[HashedFile]:
        """Every file that the stages name, each once."""
        return list(dict.fromkeys(file for stage in self.stages for file in (stage.xml, stage.bin)))

    def _check(self) -> None:
        if not self.stages:
            raise MetadataError("the engine section has no stages; run `python train.py export`")
        for stage in self.stages:
            if stage.precision not in PRECISIONS:
                raise MetadataError(f"{stage.name} has precision {stage.precision!r}; expected one of {PRECISIONS}")
            if stage.views not in range(1, MAX_VIEWS + 1):
                raise MetadataError(f"{stage.name} averages {stage.views} views; expected 1 to {MAX_VIEWS}")
            if Path(stage.xml.file).name != stage.xml.file or Path(stage.bin.file).name != stage.bin.file:
                raise MetadataError(f"{stage.name} names a file in another folder; expected one beside the record")
        if self.stages[-1].min_margin:
            raise MetadataError("the last stage has a min_margin, but no stage comes after it; expected 0")


def read_metadata(folder: Path) -> EngineMetadata | None:
    """What `engine.json` of an unpacked archive says, or None where it has none.

    Raises:
        MetadataError: it cannot be read.
    """
    path = folder / ENGINE_JSON
    if not path.exists():
        return None
    try:
        section = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise MetadataError(f"{ENGINE_JSON} is not JSON ({fault}); pack the archive again") from fault
    return EngineMetadata.from_json(section)
