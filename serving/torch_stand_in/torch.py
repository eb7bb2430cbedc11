"""Stands in for torch in TorchServe's workers where torch is not installed; see decision 19.

A worker imports torch in one place, ts/protocol/otf_message_handler.py: it asks of each answer that is neither text nor
bytes whether it is a `torch.Tensor`. The real package costs a worker a second and 280 MB of memory for that.
"""


class Tensor:
    """What TorchServe looks for among the answers; no answer is one."""


def __getattr__(name: str) -> object:
    raise AttributeError(f"torch.{name} is not to be had: torch is not installed here, and a stand-in takes its place")
