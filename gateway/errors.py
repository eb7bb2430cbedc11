"""What can go wrong with the gateway; each message is a sentence for whoever runs it."""

from pixserve.errors import ClientError


class GatewayError(ClientError):
    """The gateway cannot do what was asked; the message says why, and what to do."""
