"""pixserve score: many images at once, without a server. What a job needs is imported when there is one."""

import signal
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixserve.commands.options import PROJECT, target_of
from pixserve.commands.output import quantity, say, show_facts
from pixserve.records import version_key
from scoring.errors import ModelError, ScoringError

if TYPE_CHECKING:
    from scoring.archive import Archive
    from scoring.job import Job, Summary
    from scoring.sources.source import Source

EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130

Input = Annotated[str, typer.Argument(help="A folder, a tar, a Parquet table, a list of paths (.txt), or a glob.")]
Output = Annotated[Path, typer.Argument(help="A folder for the parts of the answers; new, empty, or with --resume.")]
ArchivePath = Annotated[
    Path | None, typer.Option("--archive", help="The model.", show_default="the newest version in model-store/")
]
Form = Annotated[str, typer.Option("--format", help="parquet, csv or jsonl.")]
Top = Annotated[int | None, typer.Option(help="Classes of each answer.", min=1, show_default="as the archive says")]
ChunkSize = Annotated[int, typer.Option("--chunk", help="Images of a part.", min=1)]
Processes = Annotated[int | None, typer.Option(help="Worker processes.", min=1, show_default="one a core")]
Readers = Annotated[int, typer.Option(help="Threads a process that read ahead; more for slow disks.", min=1)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the job in OUTPUT.")]
Labels = Annotated[bool, typer.Option("--labels", help="The folder that an image lies in is its class.")]
ImageColumn = Annotated[str | None, typer.Option(help="Of a Parquet table: bytes, paths, or structs with bytes.")]
KeyColumn = Annotated[str | None, typer.Option(help="Of a Parquet table: names the rows.", show_default="row number")]
LabelColumn = Annotated[str | None, typer.Option(help="Of a Parquet table: class names, or indexes.")]
Root = Annotated[Path | None, typer.Option(help="What paths in lists and tables are relative to.")]
Ray = Annotated[str | None, typer.Option(help="Score on a Ray cluster: its address, or local.")]
Report = Annotated[Path | None, typer.Option(help="Write a page (HTML) about the answers.")]


def score(
    context: typer.Context,
    input: Input,
    output: Output,
    archive: ArchivePath = None,
    form: Form = "parquet",
    top: Top = None,
    chunk: ChunkSize = 1000,
    processes: Processes = None,
    readers: Readers = 2,
    resume: Resume = False,
    labels: Labels = False,
    image_column: ImageColumn = None,
    key_column: KeyColumn = None,
    label_column: LabelColumn = None,
    root: Root = None,
    ray: Ray = None,
    report: Report = None,
) -> None:
    """Classify a folder, a tar or a table of images without a server; a row for each, in Parquet, CSV or JSON lines.

    Answers are the server's. A bad image has its error in its row (exit code 3). Ctrl-C keeps what is done (exit code
    130); --resume goes on from there.

    \b
    pixserve score holiday answers
    pixserve score data/test answers --labels --report report.html
    pixserve score 'shards/*.tar' answers --format csv --resume
    pixserve score table.parquet answers --image-column image --ray auto
    """
    require_packages(ray=ray is not None)
    from scoring.archive import Archive
    from scoring.parts import FORMATS

    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r} came; expected one of {', '.join(FORMATS)}", param_hint="--format")
    model = Archive.read(archive or newest_archive(PROJECT / "model-store", target_of(context).model))
    job = make_job(
        source_of(input, model, root=root, labels=labels, columns=(image_column, key_column, label_column)),
        output,
        model,
        form=form,
        chunk=chunk,
        top_k=top,
        processes=processes,
        readers=readers,
    )
    summary = run(job, resume=resume, ray=ray)
    if report:
        from scoring.report import write_report

        write_report(job, report)
        say(f"{report} is written")
    if summary.passed_over:
        say(f"{input}: {quantity(summary.passed_over, 'file')} passed over, not an image by name")
    show_facts(summary.to_json(), as_json=False)
    if summary.errors:
        raise typer.Exit(EXIT_SOME_FAILED)


COMMANDS: tuple[Callable[..., None], ...] = (score,)


def require_packages(*, ray: bool) -> None:
    """Refuse to begin where a package is missing.

    Raises:
        ScoringError: with the command that installs it.
    """
    extra, wanted = ("ray", ("pyarrow", "jinja2", "ray")) if ray else ("score", ("pyarrow", "jinja2"))
    if missing := [name for name in wanted if find_spec(name) is None]:
        raise ScoringError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: "
            f"run `{sys.executable} -m pip install -c constraints.txt -e '.[{extra}]'` in the checkout"
        )


def newest_archive(store: Path, model: str) -> Path:
    """The archive of the newest version of a model, which a first start of the server would serve.

    Raises:
        ModelError: there is none.
    """
    archives = sorted(store.glob(f"{model}-*.mar"), key=lambda path: version_key(path.stem.removeprefix(f"{model}-")))
    if not archives:
        raise ModelError(f"{store} holds no archive of {model}: `make archive` packs the shipped; --archive names one")
    return archives[-1]


def source_of(
    text: str, model: "Archive", *, root: Path | None, labels: bool, columns: Sequence[str | None]
) -> "Source":
    """The input as the options describe it; `columns` are those of a table, for image, key and label."""
    from scoring.chunks import Columns
    from scoring.labels import Labels
    from scoring.sources.source import Source

    image, key, label = columns
    if image is None and (key or label):
        raise typer.BadParameter("a column is named, but not that of the images", param_hint="--image-column")
    known = Labels.of(model.class_names, model.folder_names) if labels else None
    return Source(text, Columns(image=image, key=key, label=label) if image else None, root, known)


def make_job(source: "Source", output: Path, model: "Archive", *, processes: int | None, **options: Any) -> "Job":
    """A job with a process a core, or so many; `options` are those of `Job`."""
    from scoring.job import Job
    from serving.machine import this_machine

    cores = this_machine().cores
    count = processes or cores
    return Job(source=source, output=output, archive=model, processes=count, threads=max(1, cores // count), **options)


def run(job: "Job", *, resume: bool, ray: str | None) -> "Summary":
    """Run a job here or on Ray, until it is done or interrupted.

    Raises:
        typer.Exit: it was interrupted.
        ScoringError: it cannot begin or go on.
    """
    from scoring.display import job_display
    from scoring.job import run_here
    from scoring.journal import Journal

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Journal.open(job.output, job.settings(), resume=resume) as journal:
        try:
            with job_display(job.source) as on_progress:
                if ray is None:
                    return run_here(job, journal, on_progress=on_progress)
                from scoring.ray_job import run_on_ray

                return run_on_ray(job, journal, address=ray, on_progress=on_progress)
        except KeyboardInterrupt as stop:
            done = sum(part.images for part in journal.done.values())
            say(f"interrupted: {done:,} images are done; --resume goes on from there")
            raise typer.Exit(EXIT_INTERRUPTED) from stop
