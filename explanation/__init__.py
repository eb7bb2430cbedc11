"""Which pixels spoke for a class: an encoded image and an archive in, a heat map (S, S) out.

It runs in a process of its own at the lowest priority (`explanation/process.py`), so that predictions do not wait for
it. Called by the front; needs no torch. Knows neither HTTP nor TorchServe.
"""
