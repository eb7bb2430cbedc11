"""What stops a job. An image that cannot be classified does not: its error stands in its row."""

from pixserve.errors import ClientError


class ScoringError(ClientError):
    """A job that cannot be started, or cannot go on; the message is fit to print as it is."""


class SourceError(ScoringError):
    """Input that cannot be read as what it is said to be."""


class OutputError(ScoringError):
    """An output folder that holds something else than this job."""


class ModelError(ScoringError):
    """An archive that cannot be loaded, or an engine that failed."""


class WorkersError(ScoringError):
    """Worker processes that end again and again."""
