"""Serve one record until standard input ends: so that the server runs in the environment that users serve from.

    python -m benchmarks.serve RECORD

Writes one line of JSON when it answers (url, pid, start_s); for each line that it reads, one more: what a worker says
of itself.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.project import served
from benchmarks.running import RunningServer


@contextmanager
def served_by(command: Sequence[str | Path], *, cwd: Path, describes: bool = True) -> Iterator[RunningServer]:
    """Run a program that serves as this one does.

    Args:
        command: the program, such as this one in another environment.
        cwd: the folder whose modules it imports.
        describes: whether it answers lines with a worker's description.

    Raises:
        BenchmarkError: the server does not start.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
        )
        requests, answers = process.stdin, process.stdout
        assert requests
        assert answers

        def describe() -> dict[str, Any]:
            requests.write("describe\n")
            description: dict[str, Any] = json.loads(answers.readline())
            return description

        try:
            line = answers.readline()
            if not line:
                log.seek(0)
                raise BenchmarkError(f"the server of {cwd} does not start:\n{log.read()[-2000:]}")
            started = RunningServer(**json.loads(line))
            yield RunningServer(started.url, started.pid, started.start_s, describe=describe) if describes else started
        finally:
            requests.close()  # it drains and ends
            process.wait()


def main(record: Path) -> None:
    """Serve, and answer lines."""
    with served(record) as (_, running):
        print(json.dumps({"url": running.url, "pid": running.pid, "start_s": running.start_s}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(running.describe()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
