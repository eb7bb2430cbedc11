"""The service's metrics: what workers, TorchServe, the machine and the launcher know, on one scrape address.

Called by the launcher, in a thread of its own. Names and labels: `docs/reference/metrics.md`.
"""
