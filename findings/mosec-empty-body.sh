#!/usr/bin/env bash
# mosec 0.9.8: a POST without a body is answered 200 "no data provided" by the server itself. The worker never sees it
# and cannot refuse it, and no counter of requests moves. Seen as: the answer, and the server's own /metrics.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mosec==0.9.8 httpx==0.28.1
cd "$folder"
cat > server.py <<'PYTHON'
from mosec import Server, Worker


class Length(Worker):
    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: bytes) -> dict[str, int]:
        return {"bytes": len(data)}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Length)
    server.run()
PYTHON
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/python server.py --address 127.0.0.1 --port "$port" --log-level error &
trap 'kill %1; wait; rm -rf "$folder"' EXIT
PORT=$port venv/bin/python - <<'PYTHON'
import os
import re
import sys
import time
from importlib.metadata import version

import httpx

url = f"http://127.0.0.1:{os.environ['PORT']}"
for _ in range(100):
    try:
        answered = httpx.post(f"{url}/inference", content=b"abc")
        break
    except httpx.TransportError:
        time.sleep(0.1)


def counted() -> float:
    return sum(map(float, re.findall(r"^mosec_service_\S*(?:total|count)\S* ([\d.]+)$", httpx.get(f"{url}/metrics").text, re.M)))


before = counted()
empty = httpx.post(f"{url}/inference", content=b"")
print(f"mosec {version('mosec')}: body abc: {answered.status_code} {answered.text}; no body: {empty.status_code} {empty.text}")
print(f"counters before {before:g} and after {counted():g}")
if (empty.status_code, empty.text) != (200, "no data provided") or counted() != before or not before:
    sys.exit("changed: expected 200, no data provided, and no counter moved")
PYTHON
