"""Asks the front with KServe's own clients; prints what came as one JSON document.

python kserve_sdk.py 127.0.0.1:8000 127.0.0.1:8001 cat.jpg
"""

import asyncio
import base64
import json
import sys
from pathlib import Path

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

HTTP, GRPC, JPEG = f"http://{sys.argv[1]}", sys.argv[2], Path(sys.argv[3]).read_bytes()
MODEL = "cifar10"


def request(*files):
    tensor = InferInput("image", [len(files)], "BYTES")
    tensor.set_data_from_numpy(np.array(files, dtype=object), binary_data=True)
    return InferRequest(MODEL, [tensor], request_id="a")


def read(answer):
    return {"id": answer.id, "classes": answer.outputs[0].as_numpy().tolist()}


async def ask():
    v1, v2 = (InferenceRESTClient(RESTConfig(protocol=protocol, timeout=30)) for protocol in ("v1", "v2"))
    instances = {"instances": [{"b64": base64.b64encode(JPEG).decode()}] * 2}
    predictions = (await v1.infer(HTTP, instances, model_name=MODEL))["predictions"]
    found = {
        "v1": {
            "health": [await v1.is_server_live(HTTP), await v1.is_model_ready(HTTP, MODEL)],
            "answer": [prediction["class"] for prediction in predictions],
        },
        "v2": {
            "health": [
                await v2.is_server_live(HTTP),
                await v2.is_server_ready(HTTP),
                await v2.is_model_ready(HTTP, MODEL),
            ],
            "answer": read(await v2.infer(HTTP, request(JPEG, JPEG), model_name=MODEL)),
        },
    }
    async with InferenceGRPCClient(GRPC) as client:
        found["grpc"] = {
            "health": [
                await client.is_server_live(),
                await client.is_server_ready(),
                await client.is_model_ready(MODEL),
            ],
            "answer": read(await client.infer(request(JPEG, JPEG))),
        }
        try:
            await client.infer(request(b"hello"))
        except grpc.RpcError as fault:
            found["grpc"]["not an image"] = str(fault.code())
    return found


print(json.dumps(asyncio.run(ask())))
