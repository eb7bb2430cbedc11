"""What every part of the front shares: `request.app.state.service` over HTTP, an argument over gRPC."""

from dataclasses import dataclass

from explanation.process import ExplanationQueue
from front.models import Models
from front.readiness import ServerState
from front.settings import FrontSettings
from front.upstream import Upstream


@dataclass(frozen=True)
class Service:
    """One front.

    Args:
        settings: addresses and limits.
        upstream: the connections to TorchServe.
        models: what TorchServe has registered.
        state: whether the server is started, ready, draining.
        explanations: the process that explains, and the queue before it.
    """

    settings: FrontSettings
    upstream: Upstream
    models: Models
    state: ServerState
    explanations: ExplanationQueue
