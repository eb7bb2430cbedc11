#!/usr/bin/env bash
# kserve 0.21.0 and tritonclient 2.73.0: both bring a compiled grpc_predict_v2.proto with the same message names, and
# the second import in one process raises. Each alone works.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kserve==0.21.0 'tritonclient[grpc]==2.73.0'
cd "$folder"
venv/bin/python - <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version

KSERVE, TRITON = "from kserve import InferenceGRPCClient", "import tritonclient.grpc"
ends = {}
for code in (KSERVE, TRITON, f"{KSERVE}\n{TRITON}", f"{TRITON}\n{KSERVE}"):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    ends[code] = done.stderr.strip().splitlines()[-1][:110] if done.returncode else "imported"
print(f"kserve {version('kserve')}, tritonclient {version('tritonclient')}:")
for code, end in ends.items():
    print(f"  {code!r}: {end}")
if [end == "imported" for end in ends.values()] != [True, True, False, False]:
    sys.exit("changed: expected each alone to be imported, and neither after the other")
PYTHON
