"""`train.py finetune`: a torchvision network on photographs, from the true command line, on small generated images."""

import json
import os

import pytest
import torch
from typer.testing import CliRunner

import archive
import train
from engine.metadata import EngineMetadata
from tests.training.finetune_command import NETWORK, SIDE, finetune, record_in
from training import finetuner
from training.errors import WeightsError
from training.evaluation import predict
from training.export import openvino_engine, predict_stored
from training.image_store import ImageStore
from training.networks import load_network
from training.torchvision_network import TorchvisionNetwork, known_names, load_pretrained


@pytest.fixture(scope="module")
def tuned(photographs, tmp_path_factory):
    """A finished run, exported; not to be changed."""
    folder = tmp_path_factory.mktemp("tuned")
    result = finetune(photographs, folder, "--learning-rate=0.002")
    assert result.exit_code == 0, result.output
    return folder, result.output


def state_in(folder):
    return torch.load(folder / "colours-1.0.pt", weights_only=True)


def test_a_run_leaves_what_every_run_leaves(tuned):
    folder, output = tuned
    assert {path.suffix for path in folder.iterdir()} == {".pt", ".json", ".png", ".xml", ".bin"}
    assert f"next: python archive.py {folder}/colours-1.0.json" in output.replace("\n", "")
    record = record_in(folder)
    assert record["network"] == f"torchvision.{NETWORK}"
    assert record["preprocessing"]["image_size"] == SIDE
    assert record["data"]["validation"] == 6  # 15 % of twelve, of three classes
    assert record["calibration"]["fitted_on"] == 6
    assert record["training"]["recipe"]["weights"] == "none"
    assert len(record["training"]["history"]) == 3


def test_what_is_served_has_the_classes_of_the_trained_network(tuned, photographs):
    folder, _ = tuned
    network, record = load_network(folder / "colours-1.0.pt")
    files = sorted(photographs.glob("test/*/*.png"))
    images = ImageStore.of(files, side=SIDE)
    exact = predict(network, images).softmax(dim=1)
    metadata = EngineMetadata.from_json(record["engine"])
    float32 = predict_stored(openvino_engine(folder, metadata, precision="fp32"), images).probabilities
    assert float32 == pytest.approx(exact.numpy(), abs=1e-4)
    served = predict_stored(openvino_engine(folder, metadata), images).probabilities.argmax(axis=1)
    assert (served == exact.argmax(dim=1).numpy()).all()
    assert record["reduced_precision"] is None  # so little work that int8 would not pay


def test_float32_by_choice_has_no_other_stage(photographs, tmp_path):
    result = finetune(photographs, tmp_path, "--epochs=1", "--precision=fp32")
    assert result.exit_code == 0, result.output
    assert [stage["precision"] for stage in record_in(tmp_path)["engine"]["stages"]] == ["fp32"]


def test_its_archive_carries_no_network_for_torch(tuned, tmp_path):
    contents = archive.read_contents(tuned[0] / "colours-1.0.json")
    assert contents.network is None
    path, _ = archive.build(contents.record, store=tmp_path)
    assert path.stat().st_size < 3 * contents.record.with_suffix(".pt").stat().st_size


def test_without_an_export_it_is_not_packed(tuned, tmp_path):
    record = record_in(tuned[0])
    del record["engine"]
    (tmp_path / "colours-1.0.json").write_text(json.dumps(record))
    with pytest.raises(archive.ArchiveError, match=r"served as it was exported: run `python train.py export"):
        archive.read_contents(tmp_path / "colours-1.0.json")


def test_an_interrupted_run_resumes_to_the_weights_of_an_uninterrupted_one(tuned, photographs, tmp_path, monkeypatch):
    steps, step = [], finetuner.FineTuner._step

    def interrupted(self, *given, **how):
        steps.append(1)
        if len(steps) == 8:
            raise KeyboardInterrupt
        return step(self, *given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(finetuner.FineTuner, "_step", interrupted)
        result = finetune(photographs, tmp_path, "--learning-rate=0.002")
    assert result.exit_code == 130
    result = finetune(photographs, tmp_path, "--learning-rate=0.002", "--resume", "--no-export")
    assert result.exit_code == 0, result.output
    once, again = state_in(tuned[0]), state_in(tmp_path)
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_images_that_other_processes_decode_give_the_same_weights(photographs, tmp_path):
    for folder, options in ((tmp_path / "a", ["--workers=0"]), (tmp_path / "b", ["--workers=1", "--cache-gb=0"])):
        assert finetune(photographs, folder, "--epochs=1", "--no-export", *options).exit_code == 0
    once, again = state_in(tmp_path / "a"), state_in(tmp_path / "b")
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_the_head_alone_changes_while_the_rest_is_frozen(photographs, tmp_path):
    network = TorchvisionNetwork(NETWORK, 3, image_size=SIDE)
    torch.save(network.backbone.state_dict(), tmp_path / "pretrained.pt")
    options = ["--epochs=1", "--frozen-epochs=1", "--no-export", f"--weights={tmp_path}/pretrained.pt"]
    assert finetune(photographs, tmp_path / "out", *options).exit_code == 0
    before, after = network.backbone.state_dict(), state_in(tmp_path / "out")
    changed = {name for name in before if not torch.equal(before[name], after[f"backbone.{name}"])}
    assert changed == network.head_names
    recipe = record_in(tmp_path / "out")["training"]["recipe"]
    assert recipe["weights"].startswith("pretrained.pt sha256:")
    assert recipe["backbone_learning_rate"] == pytest.approx(recipe["learning_rate"] / 10)


def test_our_own_fine_tuned_weights_are_a_start_for_other_classes(tuned):
    network = TorchvisionNetwork(NETWORK, 7, image_size=SIDE)
    load_pretrained(network, str(tuned[0] / "colours-1.0.pt"))
    trained = state_in(tuned[0])
    assert all(
        torch.equal(each, trained[f"backbone.{name}"])
        for name, each in network.backbone.state_dict().items()
        if name not in network.head_names and "num_batches" not in name
    )


def test_weights_that_cannot_be_downloaded_are_one_sentence_with_the_ways_out(photographs, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    result = finetune(photographs, tmp_path / "out", "--weights=DEFAULT")
    assert result.exit_code == 1
    assert "cannot be downloaded" in result.output
    assert "--weights FILE" in result.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"conv.weight": torch.zeros(3)}, "is not of mobilenet_v3_small"),
        ([1, 2], "holds no state_dict"),
        (os.system, "cannot be read as weights"),  # what a hostile pickle would call
    ],
)
def test_a_file_that_holds_no_such_weights_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match=message):
        load_pretrained(TorchvisionNetwork(NETWORK, 3, image_size=SIDE), str(tmp_path / "weights.pt"))


def test_a_network_that_torchvision_lacks_is_refused_with_those_like_it(photographs, tmp_path):
    result = finetune(photographs, tmp_path, "--network=resnet19")
    assert result.exit_code == 1
    assert "it has resnet101, resnet152, resnet18" in result.output.replace("\n", " ")


FAMILIES = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "regnet_x_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "swin_t",
    "swin_v2_t",
    "vgg11",
    "vit_b_32",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_each_family_has_a_head_that_depends_on_the_classes_alone(name):
    with torch.device("cpu" if name.startswith("regnet") else "meta"):  # RegNet computes its widths with tensors
        network = TorchvisionNetwork(name, 5, image_size=224)
    shapes = {each: parameter.shape for each, parameter in network.backbone.named_parameters()}
    assert {len(shapes[each]) for each in network.head_names} <= {1, 2, 4}
    assert {shapes[each][0] for each in network.head_names} == {5}
    assert name in known_names()


def test_exporting_again_takes_the_same_images(tuned, photographs):
    folder, _ = tuned
    before = record_in(folder)["reduced_precision"]
    result = CliRunner().invoke(train.app, ["export", f"{folder}/colours-1.0.pt", f"--source={photographs}"])
    assert result.exit_code == 0, result.output
    assert record_in(folder)["reduced_precision"] == before
