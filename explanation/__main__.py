"""The process that explains: jobs on standard input, outcomes on standard output; it ends with its parent's pipe.

`python -m explanation idle|normal`; `explanation.process.ExplanationQueue` starts it. Frames are pickles: both ends are
ours.
"""

import os
import pickle
import sys
import traceback
from typing import Any, BinaryIO

from explanation.process import Failure, Job, lower_priority


def main() -> None:
    """Answer jobs until the parent is gone."""
    # What a library prints must not come between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if sys.argv[1:] == ["idle"]:
        lower_priority()
    answer_jobs(sys.stdin.buffer, answers)


def answer_jobs(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Read a job, write its outcome, and so on to the end of the file."""
    explainers: dict[tuple[str, int, int, int], Any] = {}
    while True:
        try:
            job: Job = pickle.load(jobs)
        except EOFError:
            return
        pickle.dump(_outcome(job, explainers), answers)
        answers.flush()


def _outcome(job: Job, explainers: dict[tuple[str, int, int, int], Any]) -> Any:
    """An `Explanation`, or a `Failure` that says why not."""
    from engine.metadata import MetadataError
    from explanation.explainer import Explainer
    from handler.errors import HTTP_STATUSES, RequestError, type_name
    from handler.front_end import explained
    from images.errors import ImageError

    try:
        state = job.archive.stat()
        key = (str(job.archive), state.st_ino, state.st_mtime_ns, state.st_size)  # an archive is replaced, not changed
        if key not in explainers:
            explainers.clear()  # one model at a time: the memory is bounded
            explainers[key] = Explainer(job.archive)
        return explainers[key].explain(job)
    except (RequestError, ImageError) as refusal:
        error = explained(refusal, job.headers)
        return Failure(HTTP_STATUSES[type(error)].code, type_name(type(error)), error.message)
    except (OSError, MetadataError) as fault:
        return Failure(500, "ArchiveUnreadable", f"{job.archive.name} cannot be read: {fault}")
    except Exception:  # noqa: BLE001 the process goes on; the traceback is logged where the parent's is
        traceback.print_exc()
        return Failure(500, "ExplanationFailed", "the explanation failed; the server's log has the traceback")


if __name__ == "__main__":
    main()
