"""Reads Markdown documents: fenced blocks with their info strings, inline code, and shell commands in both."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from serving.settings import PROJECT

DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
GUIDES = [page for page in DOCUMENTS if page.parent.name == "guides" or page.name in ("README.md", "CONTRIBUTING.md")]
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PROMPT = "$ "
SHELL = ("", "console", "bash", "sh")  # info strings of blocks that hold commands; no info string: one a line
OPERATORS = {"|", "||", "&&", ";", "&"}
REDIRECTIONS = {">", ">>", "<", "2>"}


@dataclass(frozen=True)
class Fence:
    """A fenced block: the words behind the backticks, its lines without the indent, and where its body begins."""

    info: str
    lines: tuple[str, ...]
    line_number: int

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]


def fences_of(text: str) -> list[Fence]:
    """The fenced blocks of a page, in order."""
    return [
        Fence(
            info=match["info"].strip(),
            lines=tuple(line.removeprefix(match["indent"]) for line in match["body"].splitlines()),
            line_number=text.count("\n", 0, match.start()) + 2,
        )
        for match in FENCE.finditer(text)
    ]


def without_fences(text: str) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", text)


def inline_code_of(text: str) -> list[str]:
    """What stands in backticks outside of fenced blocks."""
    return INLINE.findall(without_fences(text))


def commands_of(fence: Fence) -> list[str]:
    """The command lines of a block: those behind a prompt where it is a `console`, else every line."""
    if fence.language not in SHELL:
        return []
    lines = "\n".join(fence.lines).replace("\\\n", " ").splitlines()
    if fence.language == "console":
        return [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
    return [line for line in lines if line.strip()]


def programs_of(line: str) -> list[list[str]]:
    """The words of each program of a command line: pipes and lists taken apart, without redirections and comments.

    Raises:
        ValueError: a quote is not closed.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    programs: list[list[str]] = [[]]
    words = iter(lexer)
    for word in words:
        if word in OPERATORS:
            programs.append([])
        elif word in REDIRECTIONS:
            next(words, None)
        else:
            programs[-1].append(word)
    return [without_assignments(program) for program in programs if program]


def without_assignments(words: list[str]) -> list[str]:
    """A program's words without the variables set before it: ``OMP_NUM_THREADS=1 torchrun ...``."""
    first = next((index for index, word in enumerate(words) if not re.match(r"^[A-Z_]+=", word)), len(words))
    return words[first:]


def name_of(page: Path) -> str:
    """The page's path within the project, for the names of tests."""
    return str(page.relative_to(PROJECT))
