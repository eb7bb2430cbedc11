"""How many times the rate of each other server this project has, in the same run."""

from typing import Any


def ratios(document: dict[str, Any]) -> list[str]:
    """A sentence for each other server of a comparison; none where this project was not measured.

    Ratios are of the medians; in brackets those of the worst and the best round.
    """
    rows = {(row["server"], row["connections"]): row for row in document["servers"]}
    connections = sorted({row["connections"] for row in document["servers"]})
    others = [name for name in document["contestants"] if name != "project"]
    if ("project", connections[0]) not in rows:
        return []
    return [
        f"this project beside {document['contestants'][name]['title']}: requests/s "
        + ", ".join(rate_ratio(rows["project", count], rows[name, count]) for count in connections)
        + f"; p50 at {connections[0]} x {p50_ratio(rows['project', connections[0]], rows[name, connections[0]]):.2f}"
        for name in others
    ]


def rate_ratio(own: dict[str, Any], other: dict[str, Any]) -> str:
    """The ratio of two rates at one number of connections."""
    if not other["requests_per_s"]:
        return f"none at {other['connections']}"
    pairs = zip(own["requests_per_s_of_each_round"], other["requests_per_s_of_each_round"], strict=True)
    by_round = [mine / theirs for mine, theirs in pairs if theirs]
    ratio = own["requests_per_s"] / other["requests_per_s"]
    return f"x {ratio:.2f} at {own['connections']} ({min(by_round):.2f} to {max(by_round):.2f})"


def p50_ratio(own: dict[str, Any], other: dict[str, Any]) -> float:
    """The ratio of two median latencies; below 1 this project is faster."""
    return float(own["p50_ms"] / other["p50_ms"])
