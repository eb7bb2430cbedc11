"""Train a network and leave its weights, record and charts in model/.

python train.py                                         the fast recipe: ten minutes on two cores
python train.py accurate                                a wider network, for longer
python train.py distill --initial-weights WEIGHTS       … fine-tuned by distillation
python train.py teacher                                 a network too wide to be served; for a GPU
python train.py student --teacher WEIGHTS               the network that is served, distilled from teachers
python train.py small --teacher WEIGHTS                 the first stage of a cascade, distilled too
python train.py lenet                                   the tutorial's network and recipe
python train.py fast --source my-pictures --name pets   your own: my-pictures/{train,test}/<class>/*
python train.py evaluate model/cifar10-2.0.pt           any weights on any source
torchrun --nproc-per-node 2 train.py fast               several processes, one a GPU where there are some
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training import processes
from training.activation_ranges import find_reach_of_weights
from training.assessment import assess
from training.card import write_card
from training.errors import TrainingError
from training.migration import migrate as migrate_file
from training.options import RunOptions
from training.recipes import ACCURATE, DISTILL, FAST, LENET, SMALL, STUDENT, TEACHER, Recipe
from training.run import run

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _training_command(recipe: Recipe, *, default_version: str) -> Callable[..., None]:
    """The command that trains by one recipe."""

    def command(
        *,
        source: Annotated[str, typer.Option(help="`cifar10`, or DIR with DIR/{train,test}/<class>/*.")] = "cifar10",
        name: Annotated[str, typer.Option(help="Name of the model.")] = "cifar10",
        version: Annotated[str, typer.Option(help="Version of the model.")] = default_version,
        out: Annotated[Path, typer.Option(help="Folder for weights, record and charts.")] = Path("model"),
        seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine: same weights.")] = 0,
        epochs: Annotated[int | None, typer.Option(min=1, help=f"Passes; the recipe has {recipe.epochs}.")] = None,
        validation_fraction: Annotated[
            float | None,
            typer.Option(
                min=0,
                max=0.5,
                help=f"Of the training images, to select the epoch; the recipe has {recipe.validation_fraction}.",
            ),
        ] = None,
        initial_weights: Annotated[
            Path | None, typer.Option(help="Trained weights (.pt, record beside) to fine-tune.")
        ] = None,
        teacher: Annotated[
            list[Path] | None, typer.Option(help="Weights (.pt) to distill; may be given repeatedly.")
        ] = None,
        class_names: Annotated[
            str | None, typer.Option(help="Other class names, in the source's order: plane,car,...")
        ] = None,
        resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
        checkpoint: Annotated[
            Path | None, typer.Option(help="What to write and resume; default: runs/NAME-VERSION.checkpoint.pt.")
        ] = None,
        checkpoint_every_s: Annotated[
            float, typer.Option(min=0, help="At least so many seconds between two of them.")
        ] = 0.0,
        source_note: Annotated[str | None, typer.Option(help="The source in words, for the record.")] = None,
        machine_note: Annotated[str | None, typer.Option(help="The machine in words, for the record.")] = None,
    ) -> None:
        options = RunOptions(
            source=source,
            name=name,
            version=version,
            out=out,
            seed=seed,
            epochs=epochs,
            validation_fraction=validation_fraction,
            initial_weights=initial_weights,
            teacher=teacher or (),
            class_names=class_names.split(",") if class_names else None,
            resume=resume,
            checkpoint=checkpoint,
            checkpoint_every_s=checkpoint_every_s,
            source_note=source_note,
            machine_note=machine_note,
        )
        with _errors_in_one_sentence(), processes.process_group():
            run(recipe, options, Console(quiet=not processes.is_main()))

    return command


lenet = _training_command(LENET, default_version="1.0")
fast = _training_command(FAST, default_version="1.5")
accurate = _training_command(ACCURATE, default_version="2.0")
teacher = _training_command(TEACHER, default_version="2.0")
student = _training_command(STUDENT, default_version="2.0")
small = _training_command(SMALL, default_version="1.0")
distill = _training_command(DISTILL, default_version="2.0")

app.command("lenet", help="The tutorial's network and recipe.")(lenet)
app.command("fast", help="A residual network in ten minutes; the default.")(fast)
app.command("accurate", help="A wider one, for longer, with stronger augmentation.")(accurate)
app.command("teacher", help="A network too wide to be served, to distill from; for a GPU.")(teacher)
app.command("student", help="The network that is served, distilled from teachers; for a GPU.")(student)
app.command("small", help="The small first stage of a cascade, distilled from the second; for a GPU.")(small)
app.command("distill", help="Fine-tunes trained weights by distillation from themselves or others.")(distill)


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Argument(help="Weights (.pt) with their record (.json) beside.")],
    *,
    source: Annotated[str, typer.Option(help="`cifar10`, or DIR with DIR/{train,test}/<class>/*.")] = "cifar10",
    out: Annotated[Path, typer.Option(help="Folder for the charts; they show pictures of the source.")] = Path("runs"),
) -> None:
    """Evaluate weights on a source: classes, confusion, calibration, worst mistakes."""
    with _errors_in_one_sentence():
        assess(weights, source_name=source, out=out, console=Console())


@app.command()
def reach(
    weights: Annotated[Path, typer.Argument(help="Weights (.pt) with their record (.json) beside.")],
    *,
    source: Annotated[str, typer.Option(help="What they were trained on: `cifar10`, or DIR.")] = "cifar10",
) -> None:
    """Make weights of before eight bits fit for them; training does it by itself."""
    with _errors_in_one_sentence():
        find_reach_of_weights(weights, source_name=source, console=Console())


@app.command()
def migrate(
    file: Annotated[Path, typer.Argument(help="A record (.json, its weights beside), or a checkpoint (.pt).")],
) -> None:
    """Bring a record and its weights, or a checkpoint, of an older release to this one's names, in place."""
    with _errors_in_one_sentence():
        changed = migrate_file(file)
    print(f"{file}: {'migrated' if changed else 'up to date'}")


@app.command()
def card(
    folder: Annotated[Path, typer.Argument(help="Folder of the records.")] = Path("model"),
    *,
    out: Annotated[Path, typer.Option(help="The model card to write.")] = Path("docs/reference/model-card.md"),
) -> None:
    """Write the model card from the records beside the weights."""
    with _errors_in_one_sentence():
        write_card(folder, card=out)


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Train and evaluate networks; without a command, train by the fast recipe."""
    if context.invoked_subcommand is None:
        fast()


@contextmanager
def _errors_in_one_sentence() -> Iterator[None]:
    """Say in one sentence what the user can mend, and end with status 1."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        yield
    except TrainingError as error:
        console.print(f"error: {error}", style="red")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("interrupted: the same command with --resume goes on from the last checkpoint")
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app()
