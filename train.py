"""Train a network and leave its weights, record and charts in runs/NAME-VERSION.

python train.py                                         the fast recipe: ten minutes on two cores
python train.py accurate                                a wider network, for longer
python train.py distill --initial-weights WEIGHTS       … fine-tuned by distillation
python train.py teacher                                 a network too wide to be served; for a GPU
python train.py student --teacher WEIGHTS               the network that is served, distilled from teachers
python train.py small --teacher WEIGHTS                 the first stage of a cascade, distilled too
python train.py lenet                                   the CIFAR-10 tutorial's network and recipe
python train.py fast --source my-images --name pets     your own: my-images/{train,test}/<class>/*
python train.py finetune --source my-images --network resnet18    any network of torchvision, at 224 pixels
python train.py evaluate model/cifar10-2.0.pt           any weights on any source
python train.py export runs/pets-1.0/pets-1.0.pt        what serving loads: OpenVINO's IR, in float32 and int8
python train.py cascade SMALL LARGE                     two exported networks as one version
python train.py drift RECORD                            what the service compares its answers with
python train.py migrate RECORD                          a record of an older release, and its weights
torchrun --nproc-per-node 2 train.py fast               several processes, one a GPU where there are some
"""

import inspect
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

try:
    import typer
    from rich.console import Console

    from training import processes
    from training.assessment import assess
    from training.card import write_card
    from training.errors import TrainingError
    from training.migration import migrate as migrate_file
    from training.options import FineTuneOptions, RunOptions, SourceName
    from training.recipes import FAST, RECIPES, Recipe
    from training.run import run
except ModuleNotFoundError as missing:
    sys.exit(
        f"error: {sys.executable} has no package {missing.name}: install what training needs with "
        "`make environments`, then run `.venv-dev/bin/python train.py`."
    )

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False)


def _training_command(recipe: Recipe) -> Callable[..., None]:
    """The command that trains by one recipe; its options are the fields of RunOptions."""

    def command(**chosen: Any) -> None:
        with _errors_in_one_sentence(), processes.process_group():
            run(recipe, RunOptions(**chosen), Console(quiet=not processes.is_main()))

    command.__signature__ = inspect.signature(RunOptions)  # type: ignore[attr-defined]
    return command


for _name, (_recipe, _help) in RECIPES.items():
    app.command(_name, help=_help)(_training_command(_recipe))


@app.command(help="Fine-tune a network of torchvision on photographs, at their own size.")
def finetune(**chosen: Any) -> None:
    """The options are the fields of FineTuneOptions."""
    from training.finetune import fine_tune  # torchvision's networks take a second to import

    with _errors_in_one_sentence(), processes.process_group():
        fine_tune(FineTuneOptions(**chosen), Console(quiet=not processes.is_main()))


finetune.__signature__ = inspect.signature(FineTuneOptions)  # type: ignore[attr-defined]


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Argument(help="Weights (.pt) with their record (.json) beside.")],
    *,
    source: SourceName = "cifar10",
    out: Annotated[Path, typer.Option(help="Folder for the charts; they show images of the source.")] = Path("runs"),
) -> None:
    """Evaluate weights on a source: classes, confusion, calibration, worst mistakes."""
    with _errors_in_one_sentence():
        assess(weights, source_name=source, out=out, console=Console())


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="Weights (.pt) with their record (.json) beside.")],
    *,
    source: SourceName = "cifar10",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are shipped.")] = False,
) -> None:
    """Convert weights for OpenVINO and quantize them to int8; training does it by itself."""
    from training.export import export_from  # OpenVINO and NNCF take seconds to import

    with _errors_in_one_sentence():
        export_from(weights, source_name=source, overwrite=overwrite, console=Console())


@app.command()
def cascade(
    small: Annotated[Path, typer.Argument(help="Record (.json) of the small network, exported.")],
    large: Annotated[Path, typer.Argument(help="Record (.json) of the large network, exported.")],
    *,
    version: Annotated[str | None, typer.Option(help="Version of the cascade; default: the next free one.")] = None,
    source: SourceName = "cifar10",
    max_cost: Annotated[float, typer.Option(min=0, help="Mean work for an image; the large network has 1.")] = 0.6,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the record and the files that it names; default: runs/NAME-VERSION.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier run.")] = False,
) -> None:
    """Fit a cascade of two networks: most images are answered by the small one, the uncertain ones by the large one."""
    from training.cascade import build_cascade

    with _errors_in_one_sentence():
        build_cascade(
            small,
            large,
            version=version,
            source_name=source,
            max_cost=max_cost,
            out=out,
            overwrite=overwrite,
            console=Console(),
        )


@app.command()
def drift(
    records: Annotated[list[Path], typer.Argument(help="Records (.json) of exported versions.")],
    *,
    source: SourceName = "cifar10",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also of versions that are shipped.")] = False,
) -> None:
    """Measure what versions answer to test images, for `pixserve drift`; export and cascade do it by themselves."""
    from training.reference import write_reference

    with _errors_in_one_sentence():
        for record in records:
            write_reference(record, source_name=source, overwrite=overwrite, console=Console())


@app.command()
def migrate(
    file: Annotated[Path, typer.Argument(help="A record (.json, its weights beside), or a checkpoint (.pt).")],
) -> None:
    """Bring a record and its weights, or a checkpoint, of an older release to this one's names, in place."""
    with _errors_in_one_sentence():
        changed = migrate_file(file)
    print(f"{file}: {'migrated' if changed else 'up to date'}")
    if changed and file.suffix == ".json":
        print(f"next: python train.py export {file.with_suffix('.pt')} --source SOURCE")


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a class name that the terminal cannot show must not end a run
    if context.invoked_subcommand is None:
        _training_command(FAST)()


@contextmanager
def _errors_in_one_sentence() -> Iterator[None]:
    """Print what the user can mend as one sentence, and exit with status 1."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, quiet=not processes.is_main())
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
