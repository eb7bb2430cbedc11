"""The environment variables through which the bench tells a peer what to serve, and how."""

RECORD = "BENCHMARK_RECORD"
PRECISION = "BENCHMARK_PRECISION"
WORKERS = "BENCHMARK_WORKERS"
PORT = "BENCHMARK_PORT"
