"""What can be wrong with what the user gave, one sentence each; the command line prints it and stops.

TrainingError
├── SourceError      pictures: missing, empty, unreadable, or classes that do not fit
├── CheckpointError  nothing to resume, or a checkpoint of another run
└── WeightsError     weights or the record beside them: missing, unreadable, or not for this network
"""


class TrainingError(Exception):
    """Something the user gave cannot be used; the message says what came and what to do."""


class SourceError(TrainingError):
    """The source of pictures cannot be trained on or evaluated."""


class CheckpointError(TrainingError):
    """The run cannot be resumed."""


class WeightsError(TrainingError):
    """The weights, or the record beside them, cannot be used."""
