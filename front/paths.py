"""TorchServe's paths: where a request of each protocol is answered by the handler."""

from urllib.parse import quote

OPEN_INFERENCE, KSERVE_V1 = "/v2", "/v1"  # behind a version, they tell the handler the form of errors


def quoted(name: str) -> str:
    """Return a model's or a version's name as one segment of a path."""
    return quote(name, safe="")


def infer_path(model: str, version: str | None, *, explain: bool = False) -> str:
    """Return the path of infer; of the standard's own, TorchServe routes that without a version alone."""
    if not version:
        return f"/v2/models/{quoted(model)}/{'explain' if explain else 'infer'}"
    return f"/{'explanations' if explain else 'predictions'}/{quoted(model)}/{quoted(version)}{OPEN_INFERENCE}"
