#!/usr/bin/env bash
# Ray Data 2.60.0: read_images leaves out .webp and .avif files without a word. file_extensions=None reads them all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ray[data]==2.60.0' pillow==13.0.0
cd "$folder"
RAY_AUTH_TOKEN=none RAY_TMPDIR="$folder/ray" HOME="$folder" venv/bin/python - <<'PYTHON' 2> log.txt || { cat log.txt; exit 1; }
import sys
from pathlib import Path

import ray
from PIL import Image

images = Path("images")
images.mkdir()
for suffix in ("jpg", "png", "webp", "avif"):
    Image.new("RGB", (8, 8), "red").save(images / f"red.{suffix}")
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
counts = {
    "as it comes": ray.data.read_images(str(images)).count(),
    "file_extensions=None": ray.data.read_images(str(images), file_extensions=None).count(),
}
print(f"ray {ray.__version__}: of 4 images (.jpg, .png, .webp, .avif) read_images reads {counts}")
ray.shutdown()
if counts != {"as it comes": 2, "file_extensions=None": 4}:
    sys.exit("changed: expected 2 and 4")
PYTHON
