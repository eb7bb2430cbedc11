"""The Open Inference Protocol's gRPC messages: the .proto file, and the modules that are generated from it."""
