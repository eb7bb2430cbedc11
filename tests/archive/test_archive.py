"""The archive as TorchServe gets it: what is in it, when it is rebuilt, and that TorchServe's own loader runs it."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from ts.context import Context, RequestProcessor
from ts.model_loader import TsModelLoader
from ts.service import Service

import archive
from model.lenet import LeNet
from tests.conftest import CAT, LENET_RECORD


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    digests = set()
    for folder in (tmp_path / "once", tmp_path / "again"):
        path, written = archive.build(LENET_RECORD, store=folder)
        assert written
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_it_contains_what_the_list_says_and_the_class_names(store):
    contents = archive.read_contents(LENET_RECORD)
    with zipfile.ZipFile(store / "cifar10-1.0.mar") as packed:
        packages = {path: str(path.relative_to(archive.PROJECT)) for path in contents.files if in_a_package(path)}
        listed = {packages.get(path, path.name) for path in contents.files if path != contents.record}
        written = {archive.CLASS_NAMES, archive.FOLDER_NAMES, "engine.json", "drift.json", "MAR-INF/MANIFEST.json"}
        assert set(packed.namelist()) == listed | written
        names = json.loads(packed.read(archive.CLASS_NAMES))
        assert list(names.values()) == ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def in_a_package(path: Path) -> bool:
    return path not in (archive.HANDLER_MODULE, archive.CONFIG) and path.parent.name in archive.PACKAGES


def test_what_the_handler_imports_of_ours_comes_from_the_archive(store, tmp_path):
    zipfile.ZipFile(store / "cifar10-1.0.mar").extractall(tmp_path)
    code = f"""
import sys
sys.path = [{str(tmp_path)!r}, *(path for path in sys.path if path not in ("", {str(archive.PROJECT)!r}))]
import image_handler
for name, module in sys.modules.items():
    if name.partition(".")[0] in {archive.PACKAGES}:
        print(module.__file__)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    modules = [Path(line).relative_to(tmp_path).parts[0] for line in done.stdout.splitlines()]
    assert set(modules) == set(archive.PACKAGES)


def test_it_is_built_again_only_when_a_byte_of_it_changed(tmp_path):
    record = copy_of_lenet(tmp_path)
    assert archive.build(record, store=tmp_path)[1]
    later = record.stat().st_mtime + 60
    os.utime(record, (later, later))
    assert not archive.build(record, store=tmp_path)[1]


@pytest.mark.parametrize("changed", [".json", ".pt"])
def test_a_change_whose_file_is_older_than_the_archive_is_packed(tmp_path, changed):
    record = copy_of_lenet(tmp_path)
    first = archive.build(record, store=tmp_path)[0].read_bytes()
    path = record.with_suffix(changed)
    before = path.stat().st_mtime
    path.write_bytes(path.read_bytes() + b"\n")
    os.utime(path, (before - 60, before - 60))  # as `cp -p` and `rsync -a` leave it
    packed, is_new = archive.build(record, store=tmp_path)
    assert is_new
    assert packed.read_bytes() != first


def test_what_is_no_archive_is_replaced(tmp_path):
    record = copy_of_lenet(tmp_path)
    (tmp_path / "cifar10-1.0.mar").write_bytes(b"half an arch")
    assert archive.build(record, store=tmp_path)[1]


@pytest.mark.parametrize(("key", "value"), [("model_name", "my pets"), ("version", "1/0"), ("version", "1.0 final")])
def test_a_record_with_a_name_that_cannot_be_served_is_one_sentence(tmp_path, key, value):
    record = copy_of_lenet(tmp_path)
    record.write_text(json.dumps(json.loads(record.read_text()) | {key: value}))
    with pytest.raises(archive.ArchiveError, match=f"cannot be packed: The {key.removeprefix('model_')} '{value}'"):
        archive.build(record, store=tmp_path)


def test_a_record_is_read_in_utf_8_whatever_the_locale(tmp_path):
    record = copy_of_lenet(tmp_path)
    names = ["chèvre", *json.loads(record.read_text())["class_names"][1:]]
    record.write_bytes(json.dumps(json.loads(record.read_text()) | {"class_names": names}, ensure_ascii=False).encode())
    command = [sys.executable, "archive.py", record, "--store", tmp_path]
    narrow = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run(command, cwd=archive.PROJECT, env=narrow, check=True)
    with zipfile.ZipFile(tmp_path / "cifar10-1.0.mar") as packed:
        assert json.loads(packed.read("index_to_name.json"))["0"] == "chèvre"


def test_a_missing_record_says_what_writes_one(tmp_path):
    with pytest.raises(archive.ArchiveError, match=r"there is no record .*; `python train.py` writes one"):
        archive.build(tmp_path / "none.json", store=tmp_path)


def test_a_record_without_its_weights_names_them(tmp_path):
    record = copy_of_lenet(tmp_path)
    record.with_suffix(".pt").unlink()
    with pytest.raises(archive.ArchiveError, match=r"cannot be packed without .*cifar10-1.0.pt"):
        archive.build(record, store=tmp_path)


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_openvino_files_that_are_not_the_exported_ones_are_not_packed(tmp_path, damage):
    record = copy_of_lenet(tmp_path)
    weights = record.with_suffix(".fp32.bin")
    weights.unlink() if damage == "missing" else weights.write_bytes(weights.read_bytes() + b"0")
    with pytest.raises(archive.ArchiveError, match=r"cannot be packed.*cifar10-1\.0\.fp32\.bin"):
        archive.build(record, store=tmp_path)


def test_weights_that_were_never_exported_are_packed_for_torch(tmp_path):
    record = copy_of_lenet(tmp_path)
    facts = json.loads(record.read_text())
    del facts["engine"]
    record.write_text(json.dumps(facts))
    packed, _ = archive.build(record, store=tmp_path)
    with zipfile.ZipFile(packed) as files:
        assert not [name for name in files.namelist() if name.endswith((".xml", ".bin", "engine.json"))]


def test_packing_needs_neither_torch_nor_openvino():
    program = "import sys, archive; print({'torch', 'openvino', 'numpy'} & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=archive.PROJECT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"


def test_a_file_that_is_no_record_is_named(tmp_path):
    (tmp_path / "x.json").write_text('{"accuracy": 1}')
    with pytest.raises(archive.ArchiveError, match=r"x.json is not a training record: KeyError\('network'\)"):
        archive.build(tmp_path / "x.json", store=tmp_path)


def copy_of_lenet(folder: Path) -> Path:
    for suffix in (".json", ".pt", ".fp32.xml", ".fp32.bin"):
        shutil.copy(LENET_RECORD.with_suffix(suffix), folder)
    return folder / LENET_RECORD.name


@pytest.fixture
def service(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The archive, unpacked and loaded by TorchServe's own loader, as its worker does."""
    zipfile.ZipFile(store / "cifar10-1.0.mar").extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    shipped = {*archive.PACKAGES, *(path.stem for path in tmp_path.glob("*.py"))}
    for name in imported_of(shipped):  # those of the tree, where another test has imported them
        monkeypatch.delitem(sys.modules, name)
    yield TsModelLoader().load("cifar10", str(tmp_path), "image_handler.py", None, 32, None)
    for name in imported_of(shipped):
        sys.modules.pop(name)


def imported_of(packages: set[str]) -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in packages]


def test_openvino_computes(service):
    assert service._entry_point.__self__.engine.description()["engine"].startswith("openvino")


def test_a_poisoned_batch_answers_each_row_for_itself(service):
    """Every third row of 32 is broken; the others are answered as if it were not there."""
    rows = [b"poison" if index % 3 == 0 else picture(index) for index in range(32)]
    answers, context = predict(service, rows)
    statuses = [context.get_response_status(index)[0] for index in range(32)]
    for row, answer, status in zip(rows, answers, statuses, strict=True):
        if row == b"poison":
            assert (status, answer["type"]) == (415, "NotAnImage")
        else:
            assert status == 200
            assert answer["probability"] == pytest.approx(alone(service, row)["probability"], abs=2e-6)


def alone(service: Service, row: bytes) -> dict[str, Any]:
    return predict(service, [row])[0][0]


def predict(service: Service, rows: list[bytes]) -> tuple[list[dict[str, Any]], Context]:
    context: Context = service.context
    context.request_ids = {index: str(index) for index in range(len(rows))}
    context.request_processor = [RequestProcessor({}) for _ in rows]
    answers = service._entry_point([{"body": bytearray(row)} for row in rows], context)
    return [json.loads(answer) for answer in answers], context


def picture(seed: int) -> bytes:
    pixels = torch.randint(256, (48, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "PNG")
    return file.getvalue()


def test_the_archived_network_is_the_trained_one(service):
    network = LeNet()
    network.load_state_dict(torch.load(LENET_RECORD.with_suffix(".pt"), weights_only=True))
    small = Image.open(CAT).resize((32, 32))
    file = io.BytesIO()
    small.save(file, "PNG")
    pixels = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(1, 32, 32, 3).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = network.eval()(pixels).softmax(dim=1).max(dim=1)
    answer = alone(service, file.getvalue())
    assert answer["class"] == int(expected.indices)
    assert answer["probability"] == pytest.approx(float(expected.values), abs=1e-5)
