"""Tokens: TorchServe checks them, also for what the front answers by itself."""

from front.refusals import INVALID_KEY, RefusedError
from front.service import Service


async def require_token(service: Service, authorization: str | None) -> None:
    """Refuse a client without a valid token of the inference API, where the server asks for one.

    Args:
        service: the front's.
        authorization: the client's header or metadata of that name.

    Raises:
        RefusedError: TorchServe refuses the token, or does not answer.
    """
    if not service.upstream.asks_for_tokens:
        return
    headers = {"Authorization": authorization} if authorization else {}
    reply = await service.upstream.ask("GET", "/ping", headers, b"")
    if reply.status == 400:
        refusal = RefusedError.of_answer(reply.status, reply.body)
        raise refusal if refusal.kind == INVALID_KEY else RefusedError(400, INVALID_KEY, refusal.message)
