"""Pack a trained network into a TorchServe archive.

    python archive.py                         every record of model/ -> model-store/<name>-<version>.mar
    python archive.py runs/pets-1.0/pets-1.0.json one of your own

A record is what training writes beside the weights: it names the network, the version and the classes. An archive
is written again only when something it contains has other bytes, and the same inputs give the same bytes.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

try:
    import typer

    from engine.drift import DRIFT_JSON, DriftError, Reference
    from engine.metadata import ENGINE_JSON, EngineMetadata, MetadataError
    from engine.model_names import name_fault
    from pixserve.archive_facts import CLASS_NAMES, FOLDER_NAMES
    from pixserve.archive_signatures import SignatureError, sign, signature_of
except ModuleNotFoundError as missing:
    needs = "install what packing needs with `make environments`, then run `.venv/bin/python archive.py`"
    sys.exit(f"error: {sys.executable} has no package {missing.name}: {needs}.")

PROJECT = Path(__file__).resolve().parent
HANDLER = PROJECT / "handler"
HANDLER_MODULE = HANDLER / "image_handler.py"
CONFIG = HANDLER / "model-config.yaml"
PACKAGES = ("images", "engine", "handler")  # what the handler imports; folders of the archive
TORCHVISION = "torchvision."  # of a record's network: one of torchvision's, by its name there

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


class ArchiveError(Exception):
    """A record that cannot be packed; the message is fit to print as it is."""


@dataclass(frozen=True)
class Contents:
    """All that one archive contains, and so all that it must be rebuilt for. The list stands here and nowhere else."""

    model_name: str
    version: str
    class_names: list[str]
    folder_names: list[str]  # in the order of the classes; empty where the record has none
    record: Path
    network: Path | None  # None: torchvision's, of which the archive carries the exported files alone
    weights: Path | None  # None likewise
    config: Path
    handler: Path
    packages: list[Path]
    engine: EngineMetadata | None  # None: the weights were never exported, so torch computes
    drift: Reference | None  # None: the record has none, so nothing is compared

    @property
    def files(self) -> list[Path]:
        """Every file the archive is made from; the class names come from the record."""
        modules = [module for package in self.packages for module in sorted(package.rglob("*.py"))]
        for_torch = [path for path in (self.network, self.weights) if path]
        return [self.record, *for_torch, self.config, self.handler, *self.openvino_files, *modules]

    @property
    def openvino_files(self) -> list[Path]:
        """The IR of every stage; it lies beside the record."""
        return [self.record.with_name(file.file) for file in self.engine.files()] if self.engine else []

    def fingerprint(self) -> bytes:
        """SHA-256 in hex of all that the archive is made from, and of how: times of files say neither."""
        digest = hashlib.sha256()
        for path in [Path(__file__), *self.files]:
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode() + content)
        return digest.hexdigest().encode()


def read_contents(record: Path) -> Contents:
    """Find what belongs to a record.

    Raises:
        ArchiveError: the record is missing or incomplete, or a file that it names is.
    """
    try:
        facts = json.loads(record.read_bytes())
        has_file = not facts["network"].startswith(TORCHVISION)
        weights = record.with_name(facts.get("weights", {}).get("file", f"{record.stem}.pt"))
        contents = Contents(
            model_name=facts["model_name"],
            version=facts["version"],
            class_names=facts["class_names"],
            folder_names=facts.get("data", {}).get("folder_names", []),
            record=record,
            network=PROJECT / "model" / f"{facts['network']}.py" if has_file else None,
            weights=weights if has_file else None,
            config=CONFIG,
            handler=HANDLER_MODULE,
            packages=[PROJECT / name for name in PACKAGES],
            engine=EngineMetadata.from_json(facts["engine"]) if "engine" in facts else None,
            drift=Reference.from_json(facts["drift"]) if facts.get("drift") else None,
        )
    except FileNotFoundError as missing:
        raise ArchiveError(f"there is no record {record}; `python train.py` writes one") from missing
    except (UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise ArchiveError(f"{record} is not a training record: it is no JSON in UTF-8") from fault
    except (AttributeError, KeyError, ValueError, TypeError) as fault:
        raise ArchiveError(f"{record} is not a training record: {fault!r}") from fault
    except (MetadataError, DriftError) as fault:
        raise ArchiveError(f"{record} cannot be packed: {fault}") from fault
    if wrong := name_fault(contents.model_name) or name_fault(contents.version, what="version"):
        raise ArchiveError(f"{record} cannot be packed: {wrong}")
    if contents.network is None and contents.engine is None:
        raise ArchiveError(
            f"{record} is of {facts['network']}, which is served as it was exported: run `python train.py export "
            f"{record.with_suffix('.pt')} --source SOURCE` first"
        )
    if lacking := [str(path) for path in contents.files if not path.is_file()]:
        raise ArchiveError(f"{record} cannot be packed without {', '.join(lacking)}")
    try:
        for file in contents.engine.files() if contents.engine else []:
            file.read(record.parent)
    except MetadataError as fault:
        raise ArchiveError(f"{record} cannot be packed: {fault}") from fault
    return contents


def build(record: Path, *, store: Path) -> tuple[Path, bool]:
    """Pack what belongs to a record into `store`; return the archive's path and whether it had to be written.

    Raises:
        ArchiveError: something to pack is missing, or torch-model-archiver refused it.
    """
    contents = read_contents(record)
    target = store / f"{contents.model_name}-{contents.version}.mar"
    fingerprint = contents.fingerprint()
    if fingerprint_in(target) == fingerprint:
        return target, False
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store) as scratch:
        unpacked = run_archiver(contents, Path(scratch))
        packed = zip_reproducibly(unpacked, Path(scratch) / "packed.mar", comment=fingerprint)
        packed.replace(target)  # at once: a server never sees half an archive
    return target, True


def fingerprint_in(archive: Path) -> bytes:
    """The fingerprint that `build` left in an archive, as its comment; empty where there is none."""
    try:
        with zipfile.ZipFile(archive) as packed:
            return packed.comment
    except (FileNotFoundError, zipfile.BadZipFile):
        return b""


def run_archiver(contents: Contents, scratch: Path) -> Path:
    """Let torch-model-archiver lay out the archive as a folder, and return that folder.

    It stages in a temporary folder named after the model, which it deletes first: hence one of our own.
    """
    class_names = dict(enumerate(contents.class_names))
    documents: dict[str, Any] = {CLASS_NAMES: class_names, FOLDER_NAMES: contents.folder_names}
    sections = {ENGINE_JSON: contents.engine, DRIFT_JSON: contents.drift}
    documents |= {name: section.to_json() for name, section in sections.items() if section}
    for name, document in documents.items():
        (scratch / name).write_text(json.dumps(document, indent=1))
    staging, export = scratch / "staging", scratch / "export"
    staging.mkdir()
    export.mkdir()
    packages = scratch / "packages"  # of a folder among its extra files the archiver takes what lies in it
    for package in contents.packages:
        others = shutil.ignore_patterns("__pycache__", "*.yaml", contents.handler.name)  # the entry lies at the root
        shutil.copytree(package, packages / package.name, ignore=others)
    arguments = {
        "model-name": contents.model_name,
        "version": contents.version,
        **({"model-file": contents.network, "serialized-file": contents.weights} if contents.network else {}),
        "handler": contents.handler,
        "extra-files": ",".join(map(str, [*map(scratch.joinpath, documents), *contents.openvino_files, packages])),
        "config-file": contents.config,
        "export-path": export,
        "archive-format": "no-archive",
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "model_archiver.model_packaging", *options]
    done = subprocess.run(command, env=os.environ | {"TMPDIR": str(staging)}, capture_output=True, text=True)
    if done.returncode:
        raise ArchiveError(f"torch-model-archiver refused {contents.record}:\n{done.stderr.strip()}")
    return export / contents.model_name


def zip_reproducibly(folder: Path, target: Path, *, comment: bytes) -> Path:
    """Zip a folder so that equal files give equal bytes: sorted, undated, not compressed (weights do not shrink)."""
    manifest = folder / "MAR-INF" / "MANIFEST.json"
    facts = json.loads(manifest.read_text())
    facts.pop("createdOn")
    manifest.write_text(json.dumps(facts, indent=2))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = comment
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)))  # dated 1980-01-01
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    shutil.rmtree(folder)
    return target


@app.command()
def archive(
    records: Annotated[list[Path] | None, typer.Argument(help="Training records; all of model/ if none.")] = None,
    store: Annotated[Path, typer.Option(help="The folder of archives.")] = PROJECT / "model-store",
    sign_with: Annotated[
        Path | None, typer.Option(help="Private key (PEM, elliptic curve): a signature beside each archive.")
    ] = None,
) -> None:
    """Pack trained networks for TorchServe."""
    found = records or sorted((PROJECT / "model").glob("*.json"))
    if not found:
        raise ArchiveError("there is no record in model/; `python train.py lenet` writes one")
    for record in found:
        path, written = build(record, store=store)
        unexported = (
            "" if read_contents(record).engine else "; without OpenVINO files (`python train.py export`): torch"
        )
        signed = ""
        if sign_with:
            sign(path, private_key=sign_with)
            signed = f", signed: {signature_of(path).name}"
        print(f"{path.name}: {'packed' if written else 'up to date'}{unexported}{signed}")


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr and exit code 1."""
    try:
        app(standalone_mode=True)
    except (ArchiveError, SignatureError) as fault:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
