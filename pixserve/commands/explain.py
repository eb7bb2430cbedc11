"""pixserve explain: which pixels of an image spoke for the class."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pixserve.commands.options import target_of
from pixserve.commands.output import say
from pixserve.commands.predict import STDIN, Grpc, ModelVersion
from pixserve.records import Explanation

File = Annotated[Path, typer.Argument(help="An image, or - for stdin.", show_default=False)]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the heat map over the image, a PNG.", show_default="none")
]
Method = Annotated[
    str | None, typer.Option(help="occlusion or integrated_gradients.", show_default="the server's, occlusion")
]
TargetClass = Annotated[
    str | None, typer.Option("--class", help="Explain this class, a name or index.", show_default="the predicted one")
]


def explain(
    context: typer.Context,
    file: File,
    output: Output = None,
    method: Method = None,
    target: TargetClass = None,
    version: ModelVersion = None,
    grpc: Grpc = False,
) -> None:
    """Show which pixels spoke for the class: red in the PNG, blue what spoke against it.

    Without -o the heat map is printed as numbers, a JSON document.

    \b
    pixserve explain cat.jpg -o heat.png
    pixserve explain cat.jpg --class dog --method integrated_gradients -o why-not-dog.png
    pixserve explain cat.jpg | jq '.heat_map[16][16]'
    """
    server = target_of(context)
    image = sys.stdin.buffer.read() if file == STDIN else file
    connection = server.connect()
    with connection.grpc() if grpc else connection.rest() as client:
        found = client.explain(image, model=server.model, version=version, method=method, target=target)
    if output is None:
        print(json.dumps(found.to_json()))
        return
    output.write_bytes(found.overlay)
    say(f"{output}: {_sentence(found)}")


def _sentence(found: Explanation) -> str:
    target = found.target
    return f"{target.name} {target.probability:.1%}, {found.method.replace('_', ' ')} of {found.network}"
