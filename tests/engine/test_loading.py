"""Which engine computes, that it says why, and that no setting is passed over."""

import importlib
import json
import logging
import subprocess
import sys
from dataclasses import replace

import pytest

from engine.loading import load_engine, openvino_engine
from engine.metadata import EngineMetadata
from engine.views import AveragedViews
from serving.settings import PROJECT
from tests.engine.conftest import CLASSES, SIDE, colour_graph, images

NO_TORCH = """
import sys
sys.path.insert(0, {project!r})
from pathlib import Path
from engine.loading import load_engine
engine = load_engine(Path({folder!r}), manifest_model={{}}, classes=3, precision="auto", batch_size=2, gpu_id=None)
assert engine.image_size == 4
print("torch" in sys.modules)
"""


@pytest.fixture
def archive(tmp_path, write):
    """An unpacked archive of two stages: int8 with a fallback."""

    def unpack(*, precisions=("int8", "fp32")):
        margins = [0.5] * (len(precisions) - 1) + [0.0]
        stages = tuple(
            write(f"colours-{precision}", colour_graph(), precision=precision, min_margin=margin)
            for precision, margin in zip(precisions, margins, strict=True)
        )
        section = EngineMetadata(image_size=SIDE, classes=CLASSES, stages=stages).to_json()
        (tmp_path / "engine.json").write_text(json.dumps(section))
        return tmp_path

    return unpack


def load(folder, *, precision="auto", classes=CLASSES, gpu_id=None, **manifest_model):
    return load_engine(
        folder, manifest_model=manifest_model, classes=classes, precision=precision, batch_size=2, gpu_id=gpu_id
    )


def precisions(engine):
    return [stage["precision"] for stage in engine.description()["stages"]]


def test_openvino_computes_what_the_archive_carries_for_it(archive, caplog):
    engine = load(archive())
    assert engine.description()["engine"].startswith("openvino ")
    assert engine.answer(images(2, 0)).probabilities.argmax(axis=1).tolist() == [2, 0]
    assert precisions(engine) == ["int8", "fp32"]
    assert not caplog.records


def test_openvino_needs_no_torch(archive):
    program = NO_TORCH.format(project=str(PROJECT), folder=str(archive()))
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize(("precision", "served"), [("int8", ["int8", "fp32"]), ("fp32", ["fp32"])])
def test_a_precision_that_is_asked_for_is_served(archive, precision, served):
    assert precisions(load(archive(), precision=precision)) == served


@pytest.mark.parametrize(("precision", "exported"), [("int8", "fp32"), ("fp32", "int8")])
def test_a_precision_that_was_not_exported_is_refused(archive, precision, exported):
    with pytest.raises(RuntimeError, match=f"handler.precision is {precision}, but the archive has .* in {exported}"):
        load(archive(precisions=[exported]), precision=precision)


def test_an_archive_without_openvino_files_is_computed_by_torch_and_the_log_says_so(model_dir, caplog):
    engine = load(model_dir, classes=4, modelFile="colours.py", serializedFile="colours-1.0.pt")
    assert engine.description()["engine"].startswith("torch ")
    ((_, level, message),) = caplog.record_tuples
    assert level == logging.WARNING
    assert "torch computes in float32: the archive has no OpenVINO files (`python train.py export` writes" in message


def test_int8_is_refused_where_torch_computes(model_dir):
    with pytest.raises(RuntimeError, match=r"handler\.precision is int8, but torch computes in float32: the archive"):
        load(model_dir, classes=4, precision="int8", modelFile="colours.py", serializedFile="colours-1.0.pt")


def without(monkeypatch, *packages):
    find_spec, distributions = importlib.util.find_spec, importlib.metadata.distributions
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in packages else find_spec(name))
    monkeypatch.setattr(
        importlib.metadata, "distributions", lambda name: [] if name in packages else distributions(name=name)
    )


def test_where_openvino_is_not_installed_torch_computes_and_the_log_says_so(archive, monkeypatch, caplog):
    without(monkeypatch, "openvino")
    with pytest.raises(RuntimeError, match="the manifest names no modelFile"):
        load(archive())
    assert "the package openvino is not installed" in caplog.text


def test_where_neither_is_installed_it_says_what_to_install(archive, monkeypatch):
    without(monkeypatch, "openvino", "torch")
    with pytest.raises(RuntimeError, match="openvino is not installed, and torch is not installed either; install one"):
        load(archive())


def test_a_gpu_that_torch_does_not_see_is_named_and_openvino_computes(archive, caplog):
    given = {"modelFile": "colours.py", "serializedFile": "colours-1.0.pt"}
    assert load(archive(), gpu_id=0, **given).description()["engine"].startswith("openvino ")
    assert "torch sees no GPU 0" in caplog.text


def test_on_a_gpu_an_archive_without_a_network_for_torch_is_computed_by_openvino(archive, caplog):
    assert load(archive(), gpu_id=0).description()["engine"].startswith("openvino ")
    assert "the archive has no network for torch" in caplog.text


def test_other_class_names_than_the_exported_network_has_are_refused(archive):
    with pytest.raises(RuntimeError, match=r"engine\.json is of 3 classes; index_to_name\.json has 4"):
        load(archive(), classes=4)


def test_stages_that_differ_in_their_views_share_a_network(tmp_path, write):
    stage = write("colours", colour_graph(), precision="int8", min_margin=0.5)
    stages = (stage, replace(stage, min_margin=0.0, views=6))
    first, last = openvino_engine(tmp_path, EngineMetadata(image_size=SIDE, classes=CLASSES, stages=stages)).stages
    assert isinstance(last.network, AveragedViews)
    assert last.network._network is first.network
    assert last.network.probabilities(images(2, 0)).argmax(axis=1).tolist() == [2, 0]
    assert (first.kept, last.kept) == (0, pytest.approx(1 / 6))


def test_views_of_a_network_that_was_not_asked_before_hold_the_image_as_it_is(tmp_path, write):
    stage = replace(write("colours", colour_graph(), precision="int8"), views=2)
    (alone,) = openvino_engine(tmp_path, EngineMetadata(image_size=SIDE, classes=CLASSES, stages=(stage,))).stages
    assert alone.kept == 0
    assert len(alone.network._views) == 2
