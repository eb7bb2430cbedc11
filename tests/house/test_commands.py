"""Every command line in the documents exists, with its options: each program's own parser is asked."""

import importlib
import re
from functools import cache
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

import archive
import serve
import train
from pixserve.commands.main import app as pixserve
from serving.settings import PROJECT
from tests.documents.markdown import DOCUMENTS, GUIDES, commands_of, fences_of, inline_code_of, name_of, programs_of
from tests.documents.runner import steps_of

APPS = {"pixserve": pixserve, "train.py": train.app, "archive.py": archive.app, "serve.py": serve.app}
PYTHON = re.compile(r"(?:.*/)?python3?$")
PROGRAM = re.compile(r"^([A-Z_]+=\S+ )*(\S*/)?(make|pixserve|python|torchrun|train\.py|archive\.py|serve\.py)( |$)")
HIDDEN_TARGETS = {"help"}  # what `make` alone does
BENCHMARKS = tuple(
    f"benchmarks.{name}"
    for name in (
        "accuracy",
        "bench",
        "extras",
        "growth",
        "numerics",
        "resize_filters",
        "rollout_drill",
        "scoring",
        "table",
    )
)
OTHERS = {"--extra-files", "--unix-socket", "--nproc-per-node"}  # options of programs that are not ours
TODAYS = [page for page in DOCUMENTS if page.name != "CHANGELOG.md"]  # which tells of commands that are gone
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


class WrongCommandError(Exception):
    """A command line that its program would refuse."""


@cache
def module_app(module: str) -> typer.Typer | None:
    """The command line of one of our modules (`python -m benchmarks.bench`); None where it takes no options."""
    if not (PROJECT / module.replace(".", "/")).with_suffix(".py").is_file():
        raise WrongCommandError(f"there is no module {module}")
    loaded = importlib.import_module(module)
    if isinstance(getattr(loaded, "app", None), typer.Typer):
        return loaded.app
    source = (PROJECT / module.replace(".", "/")).with_suffix(".py").read_text()
    if "typer.run(main)" not in source:
        return None
    app = typer.Typer()
    app.command()(loaded.main)
    return app


def check(words: list[str], *, complete: bool) -> bool:
    """Hold one program's words against its parser; False where the program is not ours.

    `complete` is False for what is mentioned in a sentence: arguments may be left out there, commands and options not.

    Raises:
        WrongCommandError: the program would refuse them.
    """
    program, *arguments = words
    program = program.rpartition("/")[2]
    if program == "make":
        check_make(arguments)
        return True
    if program == "torchrun":
        script = next(index for index, word in enumerate(arguments) if word.endswith(".py"))
        return check(arguments[script:], complete=complete)
    if PYTHON.match(program) and arguments:
        if arguments[0] == "-m" and arguments[1].partition(".")[0] in ("benchmarks", "findings", "pixserve"):
            app = module_app(arguments[1])
            if app is not None:
                parse(app, arguments[2:], complete=complete)
            return True
        return arguments[0] in APPS and check(arguments, complete=complete)
    if program not in APPS:
        return False
    if arguments or complete:
        parse(APPS[program], arguments, complete=complete)
    return True


def check_make(arguments: list[str]) -> None:
    for word in arguments:
        if not re.match(r"^[A-Z_]+=", word) and not word.startswith("-") and word not in TARGETS:
            raise WrongCommandError(f"the Makefile has no target {word!r}; it has {sorted(TARGETS)}")


def parse(app: typer.Typer, arguments: list[str], *, complete: bool) -> None:
    """Let a program parse its arguments, without running it."""
    command, parent = typer.main.get_command(app), None
    try:
        while True:
            context = command.make_context(command.name, without_completion(command, arguments), parent=parent)
            # A group leaves the words of its command; typer has no public name for them.
            words = [*getattr(context, "_protected_args", ()), *context.args]
            if not words or not hasattr(command, "resolve_command"):
                return
            _, command, arguments = command.resolve_command(context, words)
            parent = context
    except TyperException as fault:
        if complete or type(fault).__name__ not in ("MissingParameter", "NoArgsIsHelpError"):
            raise WrongCommandError(f"{fault}") from fault


def without_completion(command: Any, arguments: list[str]) -> list[str]:
    """The arguments without the options that act while they are parsed, such as `--install-completion`."""
    acting = {option for option in options_of(command) if option.endswith("-completion")}
    return [word for word in arguments if word not in acting]


def options_of(command: Any) -> set[str]:
    """The options of a command and of all below it."""
    own = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*(options_of(below) for below in getattr(command, "commands", {}).values()), {"--help"})


def check_line(line: str, *, complete: bool) -> bool:
    """Hold a command line against the programs in it; False where none of them is ours."""
    ours = [check(words, complete=complete) for words in programs_of(line)]  # each of them, not up to the first
    return any(ours)


def lines_of(text: str) -> list[tuple[str, bool]]:
    """A page's command lines, and whether each is complete: those in blocks are, those in a sentence need not be."""
    in_blocks = [(line, True) for fence in fences_of(text) for line in commands_of(fence)]
    return in_blocks + [(code, False) for code in inline_code_of(text) if PROGRAM.match(code)]


@pytest.mark.parametrize("page", TODAYS, ids=name_of)
def test_each_command_line_of_a_document_is_one_that_its_program_takes(page):
    wrong = []
    for line, complete in lines_of(page.read_text()):
        try:
            check_line(line, complete=complete)
        except (WrongCommandError, ValueError) as fault:
            wrong.append(f"{line}: {fault}")
    assert not wrong


@pytest.mark.parametrize("page", TODAYS, ids=name_of)
def test_each_option_that_a_sentence_mentions_is_one_of_some_command(page):
    apps = [*APPS.values(), *filter(None, map(module_app, BENCHMARKS))]
    known = set().union(*(options_of(typer.main.get_command(app)) for app in apps)) | OTHERS
    ours = [code for code in inline_code_of(page.read_text()) if code.startswith("--") or PROGRAM.match(code)]
    mentioned = {word for code in ours for word in code.split() if word.startswith("--")}
    assert {word.partition("=")[0] for word in mentioned} <= known


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_each_command_of_a_guide_stands_in_a_console_block_so_that_it_is_run_or_says_why_not(page):
    text = page.read_text()
    steps_of(text)
    loose = [fence for fence in fences_of(text) if fence.language != "console"]
    assert not [line for fence in loose for line in commands_of(fence) if PROGRAM.match(line)]


def test_the_reference_lists_every_command_of_every_program():
    page = (PROJECT / "docs" / "reference" / "command-line.md").read_text()
    listed = {tuple(words) for code in inline_code_of(page) if PROGRAM.match(code) for words in programs_of(code)}
    wanted = {("make", target) for target in TARGETS - HIDDEN_TARGETS}
    for name, app in APPS.items():
        start = ("python", name) if name.endswith(".py") else (name,)
        wanted |= {(*start, command) for command in getattr(typer.main.get_command(app), "commands", {})}
    assert not {command for command in wanted if not any(words[: len(command)] == command for words in listed)}


def test_the_readme_shows_the_two_commands_and_the_guides_show_those_of_every_program():
    assert {"make serve", "make test"} <= {
        " ".join(words) for line, _ in lines_of((PROJECT / "README.md").read_text()) for words in programs_of(line)
    }
    shown = {words[0] for page in DOCUMENTS for line, _ in lines_of(page.read_text()) for words in programs_of(line)}
    assert {"make", "pixserve", "python"} <= shown


@pytest.mark.parametrize(
    "line",
    [
        "make srve",
        "pixserve predikt cat.jpg",
        "pixserve predict cat.jpg --topp 3",
        "pixserve predict",
        "pixserve predict cat.jpg --top three",
        "cat list | pixserve predict - --cvs > out.csv",
        "python train.py fast --sauce data",
        "OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 train.py accurat",
        "python archive.py --shop model-store",
        "python serve.py begin",
        "python -m benchmarks.bench --recrod model/cifar10-2.0.json",
        "python -m benchmarks.nothing",
    ],
)
def test_a_wrong_command_line_is_found(line):
    with pytest.raises(WrongCommandError):
        check_line(line, complete=True)


def test_a_sentence_may_leave_arguments_out_but_not_misname_a_command():
    assert check_line("pixserve predict", complete=False)
    with pytest.raises(WrongCommandError):
        check_line("pixserve predikt", complete=False)
