"""Bytes of an image file in, pixels (S, S, 3) uint8 RGB out, or an `ImageError` that says why not.

Called by the handler, training, evaluation and the rollout gate: one decoder for all.
Knows neither torch nor TorchServe.
"""
