"""What the benchmarks raise."""


class BenchmarkError(Exception):
    """A measurement that cannot be made; the message is fit to print as it is."""
