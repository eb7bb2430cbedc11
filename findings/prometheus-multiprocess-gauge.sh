#!/usr/bin/env bash
# prometheus_client 0.25.0 in multiprocess mode (what gunicorn's guide recommends): a gauge with set_function reports 0.0
# for ever, so a queue's length cannot be shown with it. A gauge that is set keeps its value.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prometheus_client==0.25.0
cd "$folder"
mkdir metrics
PROMETHEUS_MULTIPROC_DIR=metrics venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

Gauge("by_function", "A queue's length", multiprocess_mode="livesum").set_function(lambda: 7)
Gauge("by_value", "The same, set", multiprocess_mode="livesum").set(7)
registry = CollectorRegistry()
MultiProcessCollector(registry)
lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
print(f"prometheus_client {version('prometheus_client')}:", "; ".join(lines))
if sorted(lines) != ["by_function 0.0", "by_value 7.0"]:
    sys.exit("changed: expected by_function 0.0 and by_value 7.0")
PYTHON
