"""Runs the console blocks of a document as printed, and compares what comes out with what the document shows.

A block ```` ```console ```` holds commands behind ``$ `` and, below each, its output; one with the info string
``console no-run REASON`` is not run. In an output ``…`` stands for anything within a line, and a line that is ``…``
alone for any lines. A command without an output below it is only held to its exit code, which must be 0 unless the
next command is ``echo $?``.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.documents.markdown import PROMPT, Fence, fences_of

NO_RUN = "no-run"
ANYTHING = "…"
SHOW_STATUS = "echo $?"
MARK = "--- end of step"
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Step:
    """One command of a document with the output shown below it, and the line it stands in."""

    command: str
    expected: tuple[str, ...]
    line_number: int


class WrongOutputError(Exception):
    """A command that failed, or printed something else than the document shows."""


def reason_not_to_run(fence: Fence) -> str | None:
    """Why a console block is not run; None where it is.

    Raises:
        ValueError: the info string says something else, or gives no reason.
    """
    _, _, options = fence.info.partition(" ")
    if not options:
        return None
    word, _, reason = options.partition(" ")
    if word != NO_RUN or not reason:
        raise ValueError(f"```{fence.info}: expected ```console, or ```console {NO_RUN} REASON")
    return reason


def steps_of(page: str) -> list[Step]:
    """The steps of a document's console blocks that are run, in order."""
    return [
        step
        for fence in fences_of(page)
        if fence.language == "console" and not reason_not_to_run(fence)
        for step in steps_of_fence(fence)
    ]


def steps_of_fence(fence: Fence) -> list[Step]:
    """The steps of one block.

    Raises:
        ValueError: the block does not begin with a command.
    """
    steps: list[Step] = []
    lines = iter(enumerate(fence.lines, fence.line_number))
    for number, line in lines:
        if line.startswith(PROMPT):
            command = line.removeprefix(PROMPT)
            while command.endswith("\\"):
                command += "\n" + next(lines)[1]
            steps.append(Step(command, (), number))
        elif not steps:
            raise ValueError(f"line {number}: a console block begins with {PROMPT!r}, not with {line!r}")
        else:
            last = steps[-1]
            steps[-1] = Step(last.command, (*last.expected, line), last.line_number)
    return steps


def run(steps: list[Step], *, folder: Path, environment: Mapping[str, str], timeout_s: float) -> None:
    """Run steps one after the other in one shell and compare what each printed, standard error included.

    Raises:
        WrongOutputError: names the line, the command, and both outputs.
        subprocess.TimeoutExpired: all of them together took longer than `timeout_s`.
    """
    script, log = folder / ".steps.sh", folder / ".steps.log"
    script.write_text("\n".join(script_lines(steps)))
    with log.open("w") as output:  # a file, for a server in the background would keep a pipe open
        shell = ["bash", str(script)]
        # Below `make test`, a reader's `make` would print what a nested one prints.
        outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
        subprocess.run(shell, cwd=folder, env=outside | environment, stdout=output, stderr=output, timeout=timeout_s)
    compare(steps, ANSI.sub("", log.read_text()))


def script_lines(steps: list[Step]) -> list[str]:
    """A shell script that prints a mark with the exit code after each step, and ends where one fails unexpectedly."""
    lines = []
    for index, step in enumerate(steps):
        lines += [step.command, "status=$?", f"echo; echo '{MARK}' $status"]
        may_fail = index + 1 < len(steps) and steps[index + 1].command == SHOW_STATUS
        lines.append("(exit $status)" if may_fail else "[ $status = 0 ] || exit")
    return lines


def compare(steps: list[Step], printed: str) -> None:
    """Hold what the script printed against the steps."""
    outputs = re.split(rf"\n{MARK} (\d+)\n", printed)
    for index, step in enumerate(steps):
        where = f"line {step.line_number}: $ {step.command}"
        output = outputs[2 * index].rstrip()
        if 2 * index + 1 >= len(outputs):
            raise WrongOutputError(f"{where}\nended the shell:\n{output}")
        failed = outputs[2 * index + 1] != "0"
        if failed and not (index + 1 < len(steps) and steps[index + 1].command == SHOW_STATUS):
            raise WrongOutputError(f"{where}\nended with exit code {outputs[2 * index + 1]}:\n{output}")
        if step.expected and not matches(step.expected, output):
            raise WrongOutputError(
                f"{where}\nshown in the document:\n" + "\n".join(step.expected) + f"\nprinted:\n{output}"
            )


def matches(expected: tuple[str, ...], output: str) -> bool:
    """Whether an output is the one that a document shows, ``…`` standing for anything."""
    pattern = ""
    for line in expected:
        if line.strip() == ANYTHING:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split(ANYTHING)) + r" *\n"
    return re.fullmatch(pattern, output.strip("\n") + "\n") is not None
