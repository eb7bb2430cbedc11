"""A canary: the gateway sends a growing share of the requests that name no version to the new one.

The share is watched twice: by probes, as the default is watched afterwards, and in the gateway's own log, which has
every request of every user. Requests that name a version are not moved.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.live import apply_canary
from gateway.nginx import Nginx
from operations.errors import RolledBackError
from operations.labelled_images import LabelledImage
from operations.watch import Watch
from pixserve.inference import InferenceClient
from pixserve.runtime_directory import RuntimeDirectory

LEAST_REQUESTS = 20  # of users, before their errors are judged
SERVER_ERROR = 500


def run(
    percent: float,
    client: InferenceClient,
    images: Sequence[LabelledImage],
    *,
    directory: RuntimeDirectory,
    watch: Watch,
    model: str,
    old: str,
    new: str,
    advance: Callable[[float], None],
) -> None:
    """Send a share of the requests to a version, and watch it; the share stays until the next one, or `end`.

    Args:
        percent: the share.
        client: asks the server itself, and does not repeat failed calls.
        images: for the probes.
        directory: the runtime directory in which the gateway runs.
        watch: what is accepted, and for how long.
        model, old, new: what is rolled out, and over what.
        advance: called with the part of the time that has passed.

    Raises:
        RolledBackError: the new version fails, by probes or by what users got.
        GatewayError: no gateway runs.
    """
    log = GatewayLog(directory)
    apply_canary(directory.gateway, {new: percent}, model=model)
    watch.run(client, images, model=model, old=old, new=new, asked=new, advance=advance)
    log.judge(model, new, max_errors=watch.max_errors)


def end(directory: RuntimeDirectory, *, model: str) -> None:
    """Send every request to the server's default version again."""
    if Nginx(directory.gateway).master() is not None:
        apply_canary(directory.gateway, {}, model=model)


class GatewayLog:
    """What users got of one version from now on, read from the gateway's access log.

    Args:
        directory: the runtime directory in which the gateway runs.
    """

    def __init__(self, directory: RuntimeDirectory) -> None:
        self._path: Path = directory.gateway / "logs" / "requests.log"
        self._start = self._path.stat().st_size if self._path.exists() else 0

    def judge(self, model: str, version: str, *, max_errors: float) -> None:
        """Count the server's errors among the requests that a version got.

        Raises:
            RolledBackError: they are more than accepted.
        """
        with self._path.open("rb") as log:
            log.seek(self._start)
            lines = [json.loads(line) for line in log if line.endswith(b"\n")]
        asked = [line for line in lines if line["target"] == f"/predictions/{model}/{version}"]
        failed = [line for line in asked if line["status"] >= SERVER_ERROR]
        if len(asked) >= LEAST_REQUESTS and len(failed) > max_errors * len(asked):
            raise RolledBackError(
                f"of {len(asked)} requests of users that {version} got, {len(failed)} failed, the last with "
                f"{failed[-1]['status']}"
            )
