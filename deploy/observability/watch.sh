#!/usr/bin/env bash
# Run a Prometheus beside the server of a runtime directory, with rules.yml; Ctrl-C ends it, what it has seen stays.
#   deploy/observability/watch.sh [RUNTIME_DIR] [LISTEN_ADDRESS]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
runtime_dir=$(realpath -m "${1:-$here/../../.run}")
listen=${2:-127.0.0.1:9090}

if ! command -v prometheus > /dev/null; then
    echo "error: prometheus is not installed; on Debian: apt-get install prometheus" >&2
    exit 1
fi
# Java escapes the colon of an address in its properties.
address=$(sed -n 's/\\//g; s/^scrape_address=//p' "$runtime_dir/torchserve.properties" 2> /dev/null || true)
if [ -z "$address" ]; then
    echo "error: no server with metrics was started in $runtime_dir; \`make start\` starts one, and enable_metrics_api=true in" \
        "config.properties lets it serve metrics" >&2
    exit 1
fi

folder=$runtime_dir/prometheus
mkdir -p "$folder"
sed -e "s|127\.0\.0\.1:8082|${address#http://}|" -e "s|rules\.yml|$here/rules.yml|" "$here/prometheus.yml" > "$folder/prometheus.yml"
echo "Prometheus at http://$listen scrapes $address; the dashboard for Grafana is $here/dashboard.json" >&2
exec prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --web.listen-address="$listen" \
    --log.level=warn
