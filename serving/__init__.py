"""Start, watch, drain and stop one TorchServe: the launcher behind `serve.py`, the tests and the benchmarks."""
