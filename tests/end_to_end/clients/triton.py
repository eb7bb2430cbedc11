"""Asks the front with tritonclient, over gRPC and HTTP, sync and asyncio; prints what came as one JSON document.

python triton.py 127.0.0.1:8000 127.0.0.1:8001 cat.jpg
"""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException

HTTP, GRPC, JPEG = sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()
MODEL = "cifar10"


def images(library, *files):
    tensor = library.InferInput("image", [len(files)], "BYTES")
    tensor.set_data_from_numpy(np.array(files, dtype=object))
    return [tensor]


def pixels(library):
    tensor = library.InferInput("image", [2, 40, 30, 3], "UINT8")
    tensor.set_data_from_numpy(np.zeros([2, 40, 30, 3], np.uint8))
    return [tensor]


def told(call):
    """The status and the message of the error that a call ends with."""
    try:
        call()
    except InferenceServerException as fault:
        return [fault.status(), fault.message()]
    return None


def read(answer, library):
    response = answer.get_response()
    return {
        "classes": answer.as_numpy("class").tolist(),
        "names": [name if isinstance(name, str) else name.decode() for name in answer.as_numpy("class_name").tolist()],
        "shape": list(answer.as_numpy("probabilities").shape),
        "id": response.id if library is tritonclient.grpc else response["id"],
    }


def sync(library, address):
    with library.InferenceServerClient(address) as client:
        best_two = [library.InferRequestedOutput("probabilities", class_count=2)]
        best = client.infer(MODEL, images(library, JPEG), outputs=best_two, model_version="1.0")
        return {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "models": [client.is_model_ready(*name) for name in ((MODEL,), (MODEL, "1.0"), (MODEL, "9"), ("none",))],
            "answer": read(client.infer(MODEL, images(library, JPEG, JPEG), request_id="a"), library),
            "best": best.as_numpy("probabilities").size,
            "pixels": client.infer(MODEL, pixels(library)).as_numpy("class").tolist(),
            "one bad": client.infer(MODEL, images(library, b"hello", JPEG)).as_numpy("class").tolist(),
            "not an image": told(lambda: client.infer(MODEL, images(library, b"hello"))),
            "too large": told(lambda: client.infer(MODEL, images(library, b"\xff\xd8\xff" + bytes(10_000_001)))),
            "no model": told(lambda: client.infer("none", images(library, JPEG))),
            "no version": told(lambda: client.infer(MODEL, images(library, JPEG), model_version="9")),
        }


def metadata():
    with tritonclient.grpc.InferenceServerClient(GRPC) as grpc, tritonclient.http.InferenceServerClient(HTTP) as http:
        return {
            "grpc": [grpc.get_server_metadata(as_json=True), grpc.get_model_metadata(MODEL, as_json=True)],
            "http": [http.get_server_metadata(), http.get_model_metadata(MODEL)],
        }


async def asynchronous(library, address, plain):
    async with library.InferenceServerClient(address) as client:
        ready = await client.is_server_ready()
        return {
            "ready": ready,
            "answer": read(await client.infer(MODEL, images(plain, JPEG, JPEG), request_id="a"), plain),
        }


print(
    json.dumps(
        {
            "grpc": sync(tritonclient.grpc, GRPC),
            "http": sync(tritonclient.http, HTTP),
            "metadata": metadata(),
            "grpc asyncio": asyncio.run(asynchronous(tritonclient.grpc.aio, GRPC, tritonclient.grpc)),
            "http asyncio": asyncio.run(asynchronous(tritonclient.http.aio, HTTP, tritonclient.http)),
        }
    )
)
