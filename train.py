"""Train a network and leave its weights, record and charts in model/.

python train.py lenet                                  the tutorial's network and recipe, CIFAR-10 by torchvision
python train.py lenet --source my-pictures --name pets your own: my-pictures/{train,test}/<class>/*
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.errors import TrainingError
from training.recipes import LENET, Recipe
from training.run import RunOptions, run

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

SourceOption = Annotated[str, typer.Option(help="`cifar10` (torchvision), or DIR with DIR/{train,test}/<class>/*.")]
NameOption = Annotated[str, typer.Option(help="Name of the model.")]
VersionOption = Annotated[str, typer.Option(help="Version of the model.")]
OutOption = Annotated[Path, typer.Option(help="Folder for weights, record and charts.")]
SeedOption = Annotated[int, typer.Option(help="Same seed, same machine: same weights.")]
ValidationOption = Annotated[
    float | None,
    typer.Option(min=0.0, max=0.5, help="Share of the training pictures held out for choosing; default: the recipe's."),
]
ClassNamesOption = Annotated[
    str | None, typer.Option(help="Other class names, in the source's order: plane,car,...; default: the source's.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the last whole epoch.")]
CheckpointOption = Annotated[
    Path | None, typer.Option(help="Checkpoint to write and resume; default: runs/NAME-VERSION.checkpoint.pt.")
]
SourceNoteOption = Annotated[str | None, typer.Option(help="The source in words, for the record.")]
MachineNoteOption = Annotated[str | None, typer.Option(help="What to know about the machine, for the record.")]


@app.callback()
def main() -> None:
    """Train and evaluate networks."""


@app.command()
def lenet(
    *,
    source: SourceOption = "cifar10",
    name: NameOption = "cifar10",
    version: VersionOption = "1.0",
    out: OutOption = Path("model"),
    seed: SeedOption = 0,
    validation: ValidationOption = None,
    class_names: ClassNamesOption = None,
    resume: ResumeOption = False,
    checkpoint: CheckpointOption = None,
    source_note: SourceNoteOption = None,
    machine_note: MachineNoteOption = None,
) -> None:
    """The tutorial's network and recipe: two epochs of SGD in batches of 4."""
    options = RunOptions(
        source=source, name=name, version=version, out=out, seed=seed, validation=validation,
        class_names=class_names.split(",") if class_names else None, resume=resume, checkpoint=checkpoint,
        source_note=source_note, machine_note=machine_note,
    )  # fmt: skip
    _run(LENET, options)


def _run(recipe: Recipe, options: RunOptions) -> None:
    """Run, and turn what the user can mend into one sentence and exit status 1."""
    try:
        run(recipe, options, Console())
    except TrainingError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: the same command with --resume goes on from the last whole epoch")
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app()
