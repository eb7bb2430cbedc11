"""Every peer with the settings that its documentation recommends for small networks on CPUs: the one place for them.

All have one worker process a core with one thread each, Flask's own server excepted, and the same decoding in Pillow.
"""

from dataclasses import dataclass

from benchmarks.request_formats import MULTIPART, RAW, TRITON_RAW, RequestFormat

MAX_BATCH_SIZE = 32
MAX_WAIT_MS = 1  # how long a server with batches waits for the second image

APPS = "benchmarks.peers"
TORCH = ("fp32", "bf16")
OPENVINO = ("fp32", "int8")


@dataclass(frozen=True)
class Peer:
    """A server to compare with.

    Args:
        title: the name in the tables.
        packages: what its environment pins, first its own package.
        command: what follows `python -m`, in words; `{port}` and `{workers}` are filled in.
        settings: what differs from its defaults, for people.
        source: where its documentation recommends it.
        engine: ``torch`` or ``openvino``.
        precisions: those that this engine offers in a line or two; the fastest on this machine is served.
        request_format: how it takes an image.
        path: of predictions.
        environment: the virtual environment that it runs in, see environment.py.
    """

    title: str
    packages: tuple[str, ...]
    command: str
    settings: str
    source: str
    engine: str = "torch"
    precisions: tuple[str, ...] = TORCH
    request_format: RequestFormat = MULTIPART
    path: str = "/predict"
    environment: str = "peers"


BATCHES = f"batches of up to {MAX_BATCH_SIZE}, joined for at most {MAX_WAIT_MS} ms"
OPENVINO_SETTINGS = "OpenVINO: INFERENCE_NUM_THREADS 1, ENABLE_CPU_PINNING False, hint LATENCY; int8 by NNCF, MIXED"
MOSEC_SOURCE = "https://mosecorg.github.io/mosec/examples/pytorch.html"

PEERS = {
    "flask": Peer(
        title="Flask, its own server",
        packages=("flask",),
        command=f"flask --app {APPS}.flask_app run --port {{port}}",
        settings="one process, a thread a connection, as in the PyTorch tutorial",
        source="https://docs.pytorch.org/tutorials/intermediate/flask_rest_api_tutorial.html",
    ),
    "gunicorn": Peer(
        title="Flask, gunicorn",
        packages=("gunicorn", "flask"),
        command=f"gunicorn --workers {{workers}} --bind 127.0.0.1:{{port}} {APPS}.flask_app:app",
        settings="synchronous workers",
        source="https://flask.palletsprojects.com/en/stable/deploying/gunicorn/",
    ),
    "fastapi": Peer(
        title="FastAPI, uvicorn",
        packages=("fastapi", "uvicorn"),
        command=f"uvicorn --workers {{workers}} --port {{port}} --no-access-log {APPS}.fastapi_app:app",
        settings="uvicorn[standard] (uvloop, httptools), no access log, the prediction in the thread pool",
        source="https://fastapi.tiangolo.com/async/",
    ),
    "litserve": Peer(
        title="LitServe, batching",
        packages=("litserve",),
        command=f"{APPS}.litserve_app",
        settings=BATCHES,
        source="https://lightning.ai/docs/litserve/features/batching",
    ),
    "bentoml": Peer(
        title="BentoML, adaptive batching",
        packages=("bentoml",),
        command=f"bentoml serve --host 127.0.0.1 --port {{port}} {APPS}.bentoml_app:Api",
        settings=f"batches of up to {MAX_BATCH_SIZE}, joined as BentoML's dispatcher decides",
        source="https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html",
    ),
    "mosec": Peer(
        title="mosec",
        packages=("mosec",),
        command=f"{APPS}.mosec_app",
        settings=f"{BATCHES}; raw body: it reads no forms",
        source=MOSEC_SOURCE,
        request_format=RAW,
    ),
    "mosec-openvino": Peer(
        title="mosec, OpenVINO",
        packages=("mosec", "openvino", "nncf"),
        command=f"{APPS}.mosec_app",
        settings=f"{BATCHES}; raw body: it reads no forms. {OPENVINO_SETTINGS}",
        source=MOSEC_SOURCE,
        engine="openvino",
        precisions=OPENVINO,
        request_format=RAW,
    ),
    "triton": Peer(
        title="Triton, OpenVINO",
        packages=("nvidia-pytriton", "openvino"),
        command=f"{APPS}.triton",
        settings=f"server 2.51 of the wheel, Python backend, {BATCHES}; raw binary request. {OPENVINO_SETTINGS}",
        source="https://github.com/triton-inference-server/python_backend",
        engine="openvino",
        precisions=OPENVINO,
        request_format=TRITON_RAW,
        path="/v2/models/image/infer",
        environment="triton",
    ),
}


def settings_table(peers: dict[str, Peer]) -> str:
    """The peers' settings as a Markdown table."""
    rows = [
        f"| [{peer.title}]({peer.source}) | {peer.engine} | {peer.request_format.title} | {peer.settings} |"
        for peer in peers.values()
    ]
    return "\n".join(["| server | engine | upload | settings |", "| :-- | :-- | :-- | :-- |", *rows])
