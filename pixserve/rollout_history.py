"""How rollouts ended, a line of JSON each, in the runtime directory: `pixserve rollout` writes, the metrics count."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = ("promoted", "refused", "rolled_back", "failed")


@dataclass(frozen=True)
class RolloutHistory:
    """The history of one server.

    Args:
        path: the file; it need not be there.
    """

    path: Path

    def record(self, *, model: str, old: str, new: str, result: str, reason: str = "") -> None:
        """Append how a rollout ended; `result` is one of `RESULTS`."""
        assert result in RESULTS, f"{result} is no result of a rollout"
        line = json.dumps(
            {"time": time.time(), "model": model, "old": old, "new": new, "result": result, "reason": reason}
        )
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode() + b"\n")  # at once: two rollouts do not mix their lines
        finally:
            os.close(descriptor)

    def counts(self, *, since_s: float) -> Counter[tuple[str, str]]:
        """How many rollouts of a model ended in a result, since a time (s since 1970)."""
        found: Counter[tuple[str, str]] = Counter()
        for entry in self._entries():
            if entry["time"] >= since_s:
                found[entry["model"], entry["result"]] += 1
        return found

    def _entries(self) -> Iterator[dict[str, Any]]:
        """Every entry; a line that a full disk has cut is passed over."""
        try:
            lines = self.path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                yield {"time": float(entry["time"]), "model": str(entry["model"]), "result": str(entry["result"])}
            except (ValueError, KeyError, TypeError):
                continue
