#!/usr/bin/env bash
# PyTorch 2.14.1: DataLoader workers end by themselves when the process that they load for is killed, but not under
# multiprocessing_context="forkserver": they look for their parent's process id, which is the fork server's, and the fork
# server waits for them. Seen as: processes left 30 s after a SIGKILL, beside "spawn".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 psutil==7.2.2
cd "$folder"
cat > load.py <<'PYTHON'
import sys
import time

from torch.utils.data import DataLoader

if __name__ == "__main__":
    numbers = iter(DataLoader(range(100), num_workers=2, multiprocessing_context=sys.argv[1]))
    next(numbers)
    print("loading", flush=True)
    time.sleep(600)
PYTHON
venv/bin/python - <<'PYTHON'
import subprocess
import sys

import psutil
import torch

left = {}
for method in ("spawn", "forkserver"):
    run = subprocess.Popen(
        [sys.executable, "load.py", method], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    run.stdout.readline()
    children = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    left[method] = len(alive)
    for process in alive:
        process.kill()
print(f"torch {torch.__version__}: processes left 30 s after their parent was killed: {left}")
if left["spawn"] or not left["forkserver"]:
    sys.exit("changed: the start method no longer decides whether workers end with their parent")
PYTHON
