"""A batch is answered by its own output or by an error, never by the output of a batch before."""

import itertools
import os
import subprocess
import sys

import numpy as np
import openvino
import pytest

from engine.metadata import MetadataError
from engine.openvino_network import OpenVinoError, OpenVinoNetwork
from serving.settings import PROJECT
from tests.engine.conftest import CLASSES, SIDE, colour_graph, graph_that_fails_for_odd_batches, images

# Two networks that come and go, the oldest first, and then a signal that Python handles.
COME_AND_GO = """
import os, signal, sys
from pathlib import Path
from engine.metadata import HashedFile
from engine.openvino_network import OpenVinoNetwork

folder = Path(sys.argv[1])
files = [HashedFile.of(folder / f"colours.{ending}") for ending in ("xml", "bin")]
networks = [OpenVinoNetwork(folder, *files, image_size=4, classes=3) for _ in range(2)]
while networks:
    networks.pop(0)
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


@pytest.fixture
def load(tmp_path):
    return lambda stage: OpenVinoNetwork(tmp_path, stage.xml, stage.bin, image_size=SIDE, classes=CLASSES)


@pytest.fixture
def network(load, write):
    return load(write("colours", colour_graph()))


def test_probabilities_come_in_the_order_of_the_images(network):
    probabilities = network.probabilities(images(2, 0, 1, 1))
    assert probabilities.dtype == np.float32
    assert probabilities.argmax(axis=1).tolist() == [2, 0, 1, 1]
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_each_batch_has_an_array_of_its_own(network):
    first = network.probabilities(images(0, 1))
    kept = first.copy()
    second = network.probabilities(images(2, 2))
    assert (first == kept).all()
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_a_batch_that_fails_while_the_graph_runs_is_an_error_whatever_came_before_and_after(load, write, order):
    network = load(write("fails", graph_that_fails_for_odd_batches()))
    for size in (*order, *reversed(order), *order):
        colours = [(size + row) % 3 for row in range(size)]
        if size % 2:
            with pytest.raises(OpenVinoError, match=f"batch of {size}"):
                network.probabilities(images(*colours))
        else:
            assert network.probabilities(images(*colours)).argmax(axis=1).tolist() == colours


@pytest.mark.parametrize(
    "batch",
    [
        images(),
        images(0)[0],
        np.zeros((1, SIDE, SIDE + 1, 3), np.uint8),
        np.zeros((1, 3, SIDE, SIDE), np.uint8),
        images(1).astype(np.float32) / 255,
    ],
    ids=["empty", "one image without its batch", "another size", "channels first", "floats from 0 to 1"],
)
def test_a_batch_of_another_shape_or_type_is_refused_and_the_next_one_answered(network, batch):
    network.probabilities(images(0))
    with pytest.raises(OpenVinoError, match=r"came; expected \(N, 4, 4, 3\), uint8, N >= 1"):
        network.probabilities(batch)
    assert network.probabilities(images(1)).argmax() == 1


def test_a_graph_without_finite_probabilities_is_an_error(load, write):
    network = load(write("nan", colour_graph(scale=float("nan"))))
    with pytest.raises(OpenVinoError, match="finite"):
        network.probabilities(images(0))


def test_an_image_that_is_not_contiguous_is_read_as_it_looks(network):
    assert network.probabilities(images(0, 1, 2)[::-1]).argmax(axis=1).tolist() == [2, 1, 0]


def test_it_takes_one_thread_pins_it_nowhere_and_computes_in_float32(network):
    for name, value in {
        "INFERENCE_NUM_THREADS": 1,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": openvino.Type.f32,
        "CPU_DENORMALS_OPTIMIZATION": True,
    }.items():
        assert network._compiled.get_property(name) == value, name


def test_it_takes_as_many_threads_as_the_environment_says(load, write, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(os.cpu_count()))
    network = load(write("colours", colour_graph()))
    assert network._compiled.get_property("INFERENCE_NUM_THREADS") == os.cpu_count()


@pytest.mark.parametrize("ending", ["xml", "bin"])
@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_a_file_that_is_not_the_exported_one_is_refused_by_name(load, write, tmp_path, ending, damage):
    stage = write("colours", colour_graph())
    path = tmp_path / f"colours.{ending}"
    if damage == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(MetadataError, match=rf"colours\.{ending} is"):
        load(stage)


def test_a_graph_of_other_images_or_classes_is_refused_at_load(write, tmp_path):
    stage = write("colours", colour_graph())
    for size, classes in ((SIDE + 1, CLASSES), (SIDE, CLASSES + 1)):
        with pytest.raises(RuntimeError, match=r"colours\.xml takes .* expected"):
            OpenVinoNetwork(tmp_path, stage.xml, stage.bin, image_size=size, classes=classes)


def test_a_process_whose_networks_come_and_go_still_handles_its_signals(write, tmp_path):
    write("colours", colour_graph())
    run = subprocess.run([sys.executable, "-c", COME_AND_GO, tmp_path], cwd=PROJECT, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "handled\n"), run.stderr
