#!/usr/bin/env bash
# inside.sh WITH_TESTS: on the bare system, from a clone to the first answer, twice; the second time from pip's cache.
set -euo pipefail
cd "/root/a project"
python3 --version

# Serve until a prediction has been answered; say how long that took, and stop.
serve() {
    local start=$SECONDS log=/tmp/serve.log
    make serve > $log 2>&1 &
    local make=$!
    until answer=$(curl -sf -X POST -F image=@tests/pictures/cat.jpg http://127.0.0.1:8080/predictions/cifar10); do
        kill -0 $make 2> /dev/null || { cat $log; echo "make serve has ended"; exit 1; }
        sleep 0.2
    done
    echo "$1: $((SECONDS - start)) s to the first answer: $(cut -c1-60 <<< "$answer")..."
    .venv/bin/python -m pixserve predict tests/pictures/cat.jpg --grpc > /dev/null
    [ "$1" = "packages fetched" ] && report $log
    make stop > /dev/null
    wait $make || true
}

# Megabytes fetched, of .venv, and of memory that is a worker's own.
report() {
    grep -oE '\([0-9.]+ (kB|MB)\)$' "$1" | tr -d '()' | awk '{s += $2 == "MB" ? $1 : $1 / 1000} END {printf "fetched: %.0f MB; ", s}'
    echo "in .venv: $(du -sm .venv | cut -f1) MB"
    .venv/bin/python - << 'PYTHON'
import psutil

for process in psutil.process_iter(["cmdline"]):
    if any("model_service_worker" in word for word in process.info["cmdline"] or []):
        print(f"worker {process.pid}: {process.memory_full_info().uss / 1e6:.0f} MB of its own")
PYTHON
}

serve "packages fetched"
make clean > /dev/null
serve "packages from pip's cache"
[ -z "$1" ] || make test
