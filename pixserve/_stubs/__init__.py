"""gRPC messages and service stubs, generated from inference.proto by setup.py when pixserve is built or installed."""
