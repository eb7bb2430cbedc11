"""Archives without a model: what the launcher reads of them, and nothing else."""

import json
import zipfile
from pathlib import Path

from serving.archives import Archive


def make_archive(store: Path, model: str, version: str, *, content: str = "") -> Archive:
    """Write `<model>-<version>.mar`; `content` makes its bytes differ."""
    path = store / f"{model}-{version}.mar"
    manifest = {"model": {"modelName": model, "modelVersion": version, "configFile": "model-config.yaml"}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        archive.writestr("model-config.yaml", "batchSize: 16\nmaxBatchDelay: 1\nhandler: {top_k: 5}\n")
        archive.writestr("weights", content)
    return Archive.read(path)
