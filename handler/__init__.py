"""Rows of a TorchServe batch in, one answer a row out; `image_handler` is the entry point that TorchServe loads.

Called by TorchServe's worker alone. An archive carries this folder, `images/` and `engine/`.
"""
