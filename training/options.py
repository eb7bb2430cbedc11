"""The options of a training run, as train.py takes them on the command line; declared here and nowhere else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

SourceName = Annotated[str, Option(help="`cifar10`, which is downloaded, or DIR with DIR/{train,test}/<class>/*.")]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a user chooses besides the recipe; None leaves a choice to the recipe, the source or what exists."""

    source: SourceName = "cifar10"
    name: Annotated[str, Option(help="Name of the model, part of its URL.")] = "cifar10"
    version: Annotated[str | None, Option(help="Version of the model; default: the next free one.")] = None
    out: Annotated[Path | None, Option(help="Folder for weights, record, charts; default: runs/NAME-VERSION.")] = None
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the files of an earlier run.")] = False
    seed: Annotated[int, Option(min=0, help="Same seed, same machine: same weights.")] = 0
    epochs: Annotated[int | None, Option(min=1, help="Default: the recipe's.")] = None
    validation_fraction: Annotated[
        float | None, Option(min=0, max=0.5, help="Held out to select the epoch and calibrate; default: the recipe's.")
    ] = None
    initial_weights: Annotated[
        Path | None, Option(help="Trained weights (.pt, record beside) to fine-tune; default: random.")
    ] = None
    teacher: Annotated[
        list[Path] | None, Option(help="Weights (.pt, record beside) to distill from; may be given repeatedly.")
    ] = None
    class_names: Annotated[str | None, Option(help="Other class names, in the source's order: plane,car,...")] = None
    resume: Annotated[bool, Option("--resume", help="Continue from the last checkpoint.")] = False
    checkpoint: Annotated[
        Path | None, Option(help="Checkpoint to write and resume; default: NAME-VERSION.checkpoint.pt in --out.")
    ] = None
    checkpoint_every_s: Annotated[float, Option(min=0, help="Least seconds between two checkpoints.")] = 0.0
    export: Annotated[bool, Option(help="Write OpenVINO's IR, which serving loads; a teacher needs none.")] = True
    source_note: Annotated[str | None, Option(help="The source in words, for the record.")] = None
    machine_note: Annotated[str | None, Option(help="The machine in words, for the record.")] = None
