"""What explanations cost: their time and memory, and what they do to predictions beside them.

    python -m benchmarks.explanations 3.0 --rates 0 400

A server of its own answers predictions sent by h2load, in rounds with and without somebody who asks for one explanation
after the other. A rate of 0 sends as fast as answers come. The figures of decision 24.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

import archive
from benchmarks.uploads import sample_images
from pixserve import Connection, Endpoints, RestClient
from pixserve.errors import ClientError
from serving.server import Server
from serving.settings import PROJECT, Settings

CONNECTIONS = 8
WARM_UP_S = 2
METHODS = ("occlusion", "integrated_gradients")


def predict(url: str, body: Path, *, rate: int, seconds: int, scratch: Path) -> dict[str, float]:
    """Predictions a second with p50 and p99 in ms, sent at `rate` a second; 0 sends as fast as answers come."""
    log = scratch / "requests.tsv"
    log.unlink(missing_ok=True)
    paced = [f"--rps={rate / CONNECTIONS:g}"] if rate else []
    options = ["--h1", f"-c{CONNECTIONS}", f"-D{seconds}", f"--warm-up-time={WARM_UP_S}", f"--log-file={log}", *paced]
    headers = ["-H", "content-type: image/jpeg"]
    subprocess.run(["h2load", *options, *headers, "-d", str(body), url], check=True, capture_output=True)
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    cut_off = [row for row in rows if row[1] == "-1"]  # what was in flight when the time was up
    times_ms = sorted(int(row[2]) / 1000 for row in rows if row[1] == "200")
    assert len(times_ms) + len(cut_off) == len(rows), "every prediction is answered"
    assert len(cut_off) <= CONNECTIONS, "no more are cut off than can be in flight"
    p99 = times_ms[int(0.99 * len(times_ms))]
    return {"rate": len(times_ms) / seconds, "p50_ms": statistics.median(times_ms), "p99_ms": p99}


@contextmanager
def explaining(client: RestClient, image: bytes) -> Iterator[list[str]]:
    """Ask for one explanation after the other meanwhile; yields the list of what came."""
    outcomes: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                outcomes.append(client.explain(image, method=METHODS[len(outcomes) % 2]).method)
            except ClientError as fault:
                outcomes.append(fault.kind or type(fault).__name__)

    asking = threading.Thread(target=ask)
    asking.start()
    yield outcomes
    stop.set()
    asking.join()


def rounds(server: Server, image: bytes, *, rates: list[int], count: int, seconds: int) -> Iterator[dict[str, Any]]:
    """Measure each rate, in turn without and with explanations."""
    url = f"{server.settings.inference}/predictions/cifar10"
    connection = Connection(Endpoints.of_runtime_dir(server.settings.runtime_directory.path), timeout_s=200)
    with tempfile.TemporaryDirectory() as folder, connection.rest() as client:
        body = Path(folder, "image.jpg")
        body.write_bytes(image)
        predict(url, body, rate=0, seconds=4, scratch=Path(folder))
        for rate in rates:
            for number in range(count):
                alone = predict(url, body, rate=rate, seconds=seconds, scratch=Path(folder))
                with explaining(client, image) as outcomes:
                    beside = predict(url, body, rate=rate, seconds=seconds, scratch=Path(folder))
                    done = len(outcomes)
                yield {"asked_rate": rate, "round": number, "alone": alone, "beside": beside, "explanations": done}


def costs(server: Server, image: bytes) -> dict[str, Any]:
    """Seconds of each method on an otherwise idle machine (median of 3, after one), memory of the process in MB."""
    connection = Connection(Endpoints.of_runtime_dir(server.settings.runtime_directory.path), timeout_s=200)
    found: dict[str, Any] = {}
    with connection.rest() as client:
        for method in METHODS:
            first, *times = (_seconds(client, image, method) for _ in range(4))
            found[method] = {"first_s": round(first, 2), "s": round(statistics.median(times), 2)}
    (process,) = [
        child
        for front in psutil.process_iter(["cmdline"])
        if str(server.settings.runtime_directory.path) in (front.info["cmdline"] or [])
        for child in front.children()
        if "explanation" in child.cmdline()
    ]
    found["memory_mb"] = round(process.memory_info().rss / 1e6)
    return found


def _seconds(client: RestClient, image: bytes, method: str) -> float:
    start_s = time.perf_counter()
    client.explain(image, method=method)
    return time.perf_counter() - start_s


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--rates", type=int, nargs="*", default=[0, 400])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--priority", default="idle")
    options = parser.parse_args()
    image = sample_images(1).jpegs[0]
    with tempfile.TemporaryDirectory() as store, tempfile.TemporaryDirectory(prefix="serving-") as runtime_dir:
        archive.build(PROJECT / "model" / f"cifar10-{options.version}.json", store=Path(store))
        settings = Settings.isolated(Path(runtime_dir), Path(store), {"explanation_priority": options.priority})
        with Server(settings) as server:
            server.wait_until_ready()
            print(json.dumps({"version": options.version, **costs(server, image)}), flush=True)
            for found in rounds(server, image, rates=options.rates, count=options.rounds, seconds=options.seconds):
                print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
