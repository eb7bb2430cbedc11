"""A sentence for each result of extras.py, for the terminal and the documents."""

from typing import Any


def notes(document: dict[str, Any]) -> list[str]:
    """What was measured on this project alone, from the JSON document of extras.py."""
    return [
        *map(many_connections, document["many_connections"]),
        *map(photographs, document["photographs"]),
        *map(grpc, document["grpc"]),
    ]


def many_connections(row: dict[str, Any]) -> str:
    """A load of more connections than the comparison has."""
    wrong = sum(row[kind] for kind in ("wrong", "refused", "failed", "socket_errors", "timeouts"))
    return f"{row['connections']:,} connections: {row['requests_per_s']:,.0f} requests/s, errors: {wrong}."


def photographs(kind: dict[str, Any]) -> str:
    """A kind of photograph, beside a server that decodes it in full."""
    accuracies = ", ".join(f"{name} {found['accuracy']:.1%}" for name, found in kind["servers"].items())
    return (
        f"{kind['width']} x {kind['height']} JPEG, {kind['kind']}, {kind['megabytes']:.2g} MB, "
        f"{kind['connections']} connections: {kind['times_full_decoding']:.3g} times the requests/s of full decoding; "
        f"accuracy {accuracies}, of {kind['photographs']}."
    )


def grpc(call: dict[str, Any]) -> str:
    """gRPC beside REST."""
    return (
        f"gRPC, {call['in_flight']} calls in flight on {call['channels']} channels: "
        f"{call['grpc_requests_per_s']:,.0f} requests/s, {call['times_rest']:.3g} times REST's; "
        f"errors: {call['grpc_errors']}."
    )
