"""What the standard protocols cost: requests a second of each beside the plain multipart upload, on one server.

    python -m benchmarks.protocols --save benchmarks/results/protocols-1.0.json

Every answer is checked. The last line of standard output is one JSON document.
"""

import base64
import json
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import command
from benchmarks.bench import RECORD
from benchmarks.contestants import ProjectContestant
from benchmarks.load import Load, run_wrk
from benchmarks.project import served
from benchmarks.request_formats import MULTIPART, RequestFormat
from benchmarks.results import header, report
from benchmarks.rounds import rounded
from benchmarks.running import RunningServer
from benchmarks.uploads import sample_images

CONNECTIONS = 64
JSON_HEADERS = {"Content-Type": "application/json"}
HEAD = (
    '{{"inputs":[{{"name":"image","datatype":"BYTES","shape":[1],"parameters":{{"binary_data_size":{size:4d}}}}}],'
    '"parameters":{{"binary_data_output":{binary_output}}}}}'
)

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


def v1_body(jpeg: bytes) -> bytes:
    """One instance of KServe V1."""
    return json.dumps({"instances": [{"b64": base64.b64encode(jpeg).decode()}]}).encode()


def v2_json_body(jpeg: bytes) -> bytes:
    """One BYTES tensor of the Open Inference Protocol, in base64."""
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(jpeg).decode()]}
    return json.dumps({"inputs": [tensor]}).encode()


def v2_head(size: int, *, binary_output: bool) -> bytes:
    """The JSON of a binary request, of one length for all images below 10 kB: the length is a header."""
    return HEAD.format(size=size, binary_output=json.dumps(binary_output)).encode()


def v2_binary(title: str, *, binary_output: bool) -> RequestFormat:
    """One BYTES tensor behind the JSON; the answer in JSON or in binary form too."""
    length = len(v2_head(0, binary_output=binary_output))

    def body(jpeg: bytes) -> bytes:
        return v2_head(len(jpeg) + 4, binary_output=binary_output) + len(jpeg).to_bytes(4, "little") + jpeg

    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(length)}
    return RequestFormat(title, headers, body)


WAYS: dict[str, tuple[str, RequestFormat]] = {
    "multipart": ("/predictions/{model}", MULTIPART),
    "V1": ("/v1/models/{model}:predict", RequestFormat("KServe V1", JSON_HEADERS, v1_body)),
    "V2 JSON": ("/v2/models/{model}/infer", RequestFormat("V2, JSON", JSON_HEADERS, v2_json_body)),
    "V2 binary": ("/v2/models/{model}/infer", v2_binary("V2, binary in", binary_output=False)),
    "V2 binary both ways": ("/v2/models/{model}/infer", v2_binary("V2, binary in and out", binary_output=True)),
}


def measure(record: Path, *, rounds: int, seconds: float, warm_up_s: float) -> dict[str, list[Load]]:
    """Load one server in every way, round by round; every other round backwards."""
    uploads = ProjectContestant(record).answers(sample_images()).uploads
    model = json.loads(record.read_text())["model_name"]
    loads: dict[str, list[Load]] = {name: [] for name in WAYS}
    with served(record) as (server, running):
        ways = {name: _way(running, server.settings.inference, path.format(model=model), form)
                for name, (path, form) in WAYS.items()}  # fmt: skip
        for way in ways.values():
            run_wrk(way, uploads, connections=CONNECTIONS, seconds=warm_up_s)
        for number in range(rounds):
            for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
                load = run_wrk(ways[name], uploads, connections=CONNECTIONS, seconds=seconds)
                progress.print(
                    f"round {number + 1}, {name}: {load.requests_per_s:,.0f} requests/s, {load.errors} errors"
                    f"{load.unexpected or ''}"
                )
                loads[name].append(load)
    return loads


def _way(running: RunningServer, address: str, path: str, form: RequestFormat) -> RunningServer:
    return replace(running, url=address + path, request_format=form)


def rates(loads: dict[str, list[Load]]) -> list[dict[str, Any]]:
    """The median of each way, and its ratio to multipart: that of the medians."""
    plain = statistics.median(load.requests_per_s for load in loads["multipart"])
    return [
        {
            "way": name,
            "requests_per_s": rounded(median := statistics.median(load.requests_per_s for load in found)),
            "of_multipart": round(median / plain, 3),
            "p99_ms": rounded(statistics.median(load.p99_ms for load in found)),
            "errors": sum(load.errors for load in found),
        }
        for name, found in loads.items()
    ]


@app.command()
def protocols(
    record: Annotated[Path, typer.Option(help="The training record to serve.")] = RECORD,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement.")] = 4,
    warm_up_s: Annotated[float, typer.Option(min=1, help="Seconds of load in each way first.")] = 6,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Measure each protocol at 64 connections."""
    loads = measure(record, rounds=rounds, seconds=seconds, warm_up_s=warm_up_s)
    document = header() | {
        "record": record.name,
        "connections": CONNECTIONS,
        "ways": rates(loads),
        "rounds": {name: [asdict(load) for load in found] for name, found in loads.items()},
    }
    for row in document["ways"]:
        print(f"{row['way']}: {row['requests_per_s']:,} requests/s, {row['of_multipart']} of multipart")
    report(document, save=save)


if __name__ == "__main__":
    command.run(app)
