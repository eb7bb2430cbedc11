"""One inference in the Open Inference Protocol: asked of TorchServe, and its refusals told apart."""

from collections.abc import Mapping

from front.paths import infer_path
from front.refusals import NOT_ACCEPTED, QUEUE_FULL, UNAVAILABLE, RefusedError
from front.service import Service
from front.upstream import Reply, UpstreamError


async def infer(service: Service, model: str, version: str | None, headers: Mapping[str, str], body: bytes) -> Reply:
    """Return the handler's answer.

    Args:
        service: the front's.
        model: as served.
        version: None for the default one.
        headers: of the request.
        body: of the request, REST with binary data.

    Raises:
        RefusedError: it was not accepted, with the reason; TorchServe does not answer.
    """
    reply = await service.upstream.ask("POST", infer_path(model, version), headers, body)
    if reply.status == 503:
        refusal = RefusedError.of_answer(reply.status, reply.body)
        raise await _why_not_accepted(service, model, version) if refusal.kind == NOT_ACCEPTED else refusal
    return reply


async def _why_not_accepted(service: Service, model: str, version: str | None) -> RefusedError:
    """TorchServe says the same of a full queue and of a missing worker: ask which it was."""
    name = f"{model} {version}" if version else f"the default version of {model}"
    try:
        found = await service.models.version(model, version)
    except UpstreamError as fault:
        return RefusedError(503, UNAVAILABLE, f"{name} takes no request now, and {fault}")
    if found is None or found.ready_workers:
        return RefusedError(503, QUEUE_FULL, f"the queue of {name} is full: try again later")
    return RefusedError(503, UNAVAILABLE, f"{name} has no worker that is ready")
