"""The options of a training run, as train.py takes them on the command line; declared here and nowhere else."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Option

SourceName = Annotated[str, Option(help="`cifar10`, which is downloaded, or DIR with DIR/{train,test}/<class>/*.")]


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What a user chooses of every run's output; None leaves a choice to what exists."""

    name: Annotated[str, Option(help="Name of the model, part of its URL.")] = "cifar10"
    version: Annotated[str | None, Option(help="Version of the model; default: the next free one.")] = None
    out: Annotated[Path | None, Option(help="Folder for weights, record, charts; default: runs/NAME-VERSION.")] = None
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the files of an earlier run.")] = False
    seed: Annotated[int, Option(min=0, help="Same seed, same machine: same weights.")] = 0
    epochs: Annotated[int | None, Option(min=1, help="Default: the recipe's.")] = None
    class_names: Annotated[str | None, Option(help="Other class names, in the source's order: plane,car,...")] = None
    resume: Annotated[bool, Option("--resume", help="Continue from the last checkpoint.")] = False
    checkpoint: Annotated[
        Path | None, Option(help="Checkpoint to write and resume; default: NAME-VERSION.checkpoint.pt in --out.")
    ] = None
    checkpoint_every_s: Annotated[float, Option(min=0, help="Least seconds between two checkpoints.")] = 0.0
    export: Annotated[bool, Option(help="Write OpenVINO's IR, which serving loads; a teacher needs none.")] = True
    source_note: Annotated[str | None, Option(help="The source in words, for the record.")] = None
    machine_note: Annotated[str | None, Option(help="The machine in words, for the record.")] = None


@dataclass(frozen=True, kw_only=True)
class RunOptions(OutputOptions):
    """What a user chooses besides the recipe; None leaves a choice to the recipe, the source or what exists."""

    source: SourceName = "cifar10"
    validation_fraction: Annotated[
        float | None, Option(min=0, max=0.5, help="Held out to select the epoch and calibrate; default: the recipe's.")
    ] = None
    initial_weights: Annotated[
        Path | None, Option(help="Trained weights (.pt, record beside) to fine-tune; default: random.")
    ] = None
    teacher: Annotated[
        list[Path] | None, Option(help="Weights (.pt, record beside) to distill from; may be given repeatedly.")
    ] = None


class Balancing(StrEnum):
    """What is done about classes of uneven size."""

    AUTO = "auto"
    WEIGHTS = "weights"
    SAMPLING = "sampling"
    NONE = "none"


class Augmenting(StrEnum):
    """How training images are varied."""

    PHOTOGRAPHS = "photographs"
    ORIENTED = "oriented"
    NONE = "none"


class Precision(StrEnum):
    """What is exported: int8 and float32, or float32 alone."""

    INT8 = "int8"
    FP32 = "fp32"


@dataclass(frozen=True, kw_only=True)
class FineTuneOptions(OutputOptions):
    """What a user chooses of fine-tuning; None leaves a choice to the weights, the images or the machine."""

    source: Annotated[Path, Option(help="DIR with DIR/{train,test}/<class>/*, or DIR/<class>/*, which is split.")]
    network: Annotated[str, Option(help="Classification network of torchvision: resnet18, convnext_tiny, ...")] = (
        "resnet18"
    )
    weights: Annotated[str, Option(help="A name of torchvision's weights, a file of weights, or `none`.")] = "DEFAULT"
    image_size: Annotated[int, Option(min=32, max=1024, help="Side in pixels of what the network sees.")] = 224
    batch_size: Annotated[int, Option(min=2, help="Images of one step.")] = 32
    learning_rate: Annotated[float | None, Option(min=0, help="Of the head; the backbone has a tenth.")] = None
    frozen_epochs: Annotated[int | None, Option(min=0, help="Epochs that train the head alone.")] = None
    augmentation: Annotated[
        Augmenting, Option(help="`oriented`: not mirrored, hardly cropped, for documents and parts.")
    ] = Augmenting.PHOTOGRAPHS
    balance: Annotated[Balancing, Option(help="For classes of uneven size.")] = Balancing.AUTO
    validation_fraction: Annotated[float, Option(min=0, max=0.5, help="Of every class, held out.")] = 0.15
    test_fraction: Annotated[float, Option(min=0, max=0.5, help="Of every class, where DIR is one tree.")] = 0.15
    split_seed: Annotated[int, Option(min=0, help="Which images are held out.")] = 0
    skip_broken: Annotated[bool, Option("--skip-broken", help="Pass over files that cannot be decoded.")] = False
    workers: Annotated[int | None, Option(min=0, help="Processes that decode; default: by cores and images.")] = None
    cache_gb: Annotated[float, Option(min=0, help="Keep images decoded on disk if they fit; 0: never.")] = 4.0
    precision: Annotated[Precision, Option(help="What is served: int8, or float32 alone.")] = Precision.INT8
