#!/usr/bin/env bash
# simplejpeg 1.9.0 decodes as Pillow 13.0.0 does, to the last bit; with fastdct=True or fastupsample=True it does not.
# A network trained on one and served with the other sees other pixels. Seen as: the largest difference of a channel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check simplejpeg==1.9.0 pillow==13.0.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import io
import sys
from importlib.metadata import version

import numpy as np
import simplejpeg
from PIL import Image

noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
file = io.BytesIO()
Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
pillow = np.asarray(Image.open(file), np.int16)
differences = {
    str(options or "as it comes"): int(np.abs(simplejpeg.decode_jpeg(file.getvalue(), **options) - pillow).max())
    for options in ({}, {"fastdct": True}, {"fastupsample": True})
}
print(f"simplejpeg {version('simplejpeg')} beside Pillow {version('pillow')}, levels of 255: {differences}")
if [bool(difference) for difference in differences.values()] != [False, True, True]:
    sys.exit("changed: expected no difference, and one with each option")
PYTHON
