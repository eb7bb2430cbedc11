#!/usr/bin/env bash
# torch-model-archiver 0.12.0: its help says that --extra-files takes a list of files; a directory is taken as well. What
# it holds goes to the archive's root, subfolders as folders; its own name is dropped. So a handler can have packages.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch-model-archiver==0.12.0
cd "$folder"
mkdir -p package/inner store
touch package/__init__.py package/inner/__init__.py package/inner/module.py
printf 'def handle(data, context):\n    return data\n' > handler.py
venv/bin/torch-model-archiver --model-name m --version 1.0 --handler handler.py --extra-files package --export-path store
venv/bin/python - <<'PYTHON'
import sys
import zipfile
from importlib.metadata import version

names = sorted(name for name in zipfile.ZipFile("store/m.mar").namelist() if name.endswith(".py"))
print(f"torch-model-archiver {version('torch-model-archiver')}: {names}")
if names != ["__init__.py", "handler.py", "inner/__init__.py", "inner/module.py"]:
    sys.exit("changed: expected the directory's contents at the root, subfolders kept")
PYTHON
