"""A server under measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Running:
    """A server that answers: the address of predictions, its first process, and how long it took to get there."""

    url: str
    pid: int
    start_s: float
