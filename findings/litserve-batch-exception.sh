#!/usr/bin/env bash
# LitServe 0.2.19: with batching, an HTTPException that decode_request raises for one request is given to every request
# of its batch. Seen as: one bad request among eight at once, and how many of them are answered 400.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check litserve==0.2.19 httpx==0.28.1
cd "$folder"
cat > server.py <<'PYTHON'
import sys

import litserve
from fastapi import HTTPException


class Square(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: dict[str, float]) -> float:
        if request["input"] < 0:
            raise HTTPException(400, "expected a positive number")
        return request["input"]

    def batch(self, inputs: list[float]) -> list[float]:
        return inputs

    def predict(self, numbers: list[float]) -> list[float]:
        return [number**2 for number in numbers]

    def unbatch(self, output: list[float]) -> list[float]:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Square(max_batch_size=8, batch_timeout=1), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False)
PYTHON
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/python server.py "$port" > server.log 2>&1 &
trap 'kill %1; wait; rm -rf "$folder"' EXIT
PORT=$port venv/bin/python - <<'PYTHON'
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import httpx

url = f"http://127.0.0.1:{os.environ['PORT']}/predict"


def status(number: float) -> int:
    return httpx.post(url, json={"input": number}, timeout=30).status_code


for _ in range(300):
    try:
        status(1)
        break
    except httpx.TransportError:
        time.sleep(0.1)
with ThreadPoolExecutor(8) as threads:
    good = Counter(threads.map(status, [1, 2, 3, 4, 5, 6, 7, 8]))
    one_bad = Counter(threads.map(status, [1, 2, 3, -4, 5, 6, 7, 8]))
print(f"litserve {version('litserve')}: statuses of eight good requests {dict(good)}, with one bad {dict(one_bad)}")
if good != {200: 8} or one_bad[400] < 2:
    sys.exit("changed: expected the bad request's 400 for others, too")
PYTHON
