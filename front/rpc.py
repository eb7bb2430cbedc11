"""The front over gRPC: the services of port 8001."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from front._stubs import open_inference_pb2, open_inference_pb2_grpc
from front.rpc_explanations import EXPLANATIONS, ExplanationsServicer
from front.rpc_health import HealthServicer
from front.rpc_inference import InferenceServicer
from front.service import Service

INFERENCE = open_inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
MOST_CALLS = 2000  # at once; more are RESOURCE_EXHAUSTED
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


def make_rpc_server(service: Service) -> grpc.aio.Server:
    """Return a gRPC server that listens to its port; it is not started.

    Raises:
        OSError, RuntimeError: the port cannot be had.
    """
    settings = service.settings
    server = grpc.aio.server(
        maximum_concurrent_rpcs=MOST_CALLS,
        options=[
            ("grpc.so_reuseport", 0),  # else two servers could share the port, and a client meets either
            ("grpc.max_receive_message_length", settings.max_request_bytes),
        ],
    )
    open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(InferenceServicer(service), server)
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(service.state, (INFERENCE, EXPLANATIONS)), server)
    server.add_generic_rpc_handlers((ExplanationsServicer(service).handler(),))
    reflection.enable_server_reflection((INFERENCE, HEALTH, reflection.SERVICE_NAME), server)
    server.add_insecure_port(f"{settings.host}:{settings.grpc_port}")
    return server
