"""What can be wrong with what the user gave, one sentence each; the command line prints it and stops.

TrainingError
├── SourceError      images: missing, empty, unreadable, or classes that do not match
├── CheckpointError  nothing to resume, or a checkpoint of another run
├── WeightsError     weights or the record beside them: missing, unreadable, or not for this network
├── OutputError      a name or version that cannot be served, or a folder that cannot be written to
└── ExportError      a network that cannot be converted for OpenVINO, or packages for it that are missing
"""


class TrainingError(Exception):
    """Something the user gave cannot be used; the message says what came and what to do."""


class SourceError(TrainingError):
    """The source of images cannot be trained on or evaluated."""


class CheckpointError(TrainingError):
    """The run cannot be resumed."""


class WeightsError(TrainingError):
    """The weights, or the record beside them, cannot be used."""


class OutputError(TrainingError):
    """What the run would leave behind cannot be named so, or not be written there."""


class ExportError(TrainingError):
    """The network cannot be converted for OpenVINO here."""
