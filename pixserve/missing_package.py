"""What `python -m pixserve` says where a package is missing, as with a Python that is no environment of the project."""

import sys


def sentence_of_missing(missing: ModuleNotFoundError) -> str:
    """Return which package this Python lacks, and how to get it."""
    return (
        f"error: {sys.executable} has no package {missing.name}: install what the client needs with "
        "`make environments`, then run `.venv/bin/python -m pixserve`."
    )
