"""How far the numbers that come to each layer reach: found by training, or later for weights of before."""

import hashlib
import json

import torch
from torch import nn
from typer.testing import CliRunner

import train
from model.resnet import ResNet
from training.activation_ranges import find_reach
from training.networks import load_network


def run(*arguments):
    return CliRunner().invoke(train.app, [str(each) for each in arguments])


def fast(pictures, folder, *options):
    where = [f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c.pt"]
    result = run("fast", *where, "--epochs=1", "--version=2.0", *options)
    assert result.exit_code == 0, result.output
    return folder / "cifar10-2.0.pt"


def reaches(weights):
    return {name: float(value) for name, value in torch.load(weights).items() if name.endswith(".reach")}


def forget_reach(weights):
    """Leave weights as they were written before there was any."""
    torch.save({name: value for name, value in torch.load(weights).items() if not name.endswith(".reach")}, weights)


def test_numbers_that_are_few_and_far_are_cut_off_for_finer_steps_of_the_others():
    layer = nn.Linear(3000, 1)
    layer.register_buffer("reach", torch.tensor(0.0))
    numbers = torch.rand(300, 3000, generator=torch.Generator().manual_seed(0))
    find_reach(nn.Sequential(layer).eval(), numbers)
    assert layer.reach == numbers.max()
    numbers[0, 0] = 3.0
    find_reach(nn.Sequential(layer).eval(), numbers)
    assert 1 < layer.reach < 2.9


def test_training_finds_the_reach_of_every_layer_but_the_first(pictures, tmp_path):
    found = reaches(fast(pictures, tmp_path))
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in load_network(tmp_path / "cifar10-2.0.pt")[0].modules())
    assert len(found) == convolutions  # the first has none, the head has one
    assert min(found.values()) > 0


def test_weights_of_before_load_with_their_reach_left_open():
    weights = {name: value for name, value in ResNet().state_dict().items() if not name.endswith(".reach")}
    network = ResNet()
    network.head.reach.fill_(3.0)
    network.load_state_dict(weights)
    assert network.head.reach == 0


def test_it_can_be_found_for_weights_of_before_and_changes_nothing_else(pictures, tmp_path):
    weights = fast(pictures, tmp_path)
    expected = torch.load(weights)
    forget_reach(weights)
    result = run("reach", weights, "--source", pictures)
    assert result.exit_code == 0, result.output
    found = torch.load(weights)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0.1 if name.endswith(".reach") else 0, atol=0)
    record = json.loads((tmp_path / "cifar10-2.0.json").read_text())
    assert record["weights"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_weights_whose_layers_have_none_are_refused_in_one_sentence(pictures, tmp_path):
    where = [f"--source={pictures}", f"--out={tmp_path}", f"--checkpoint={tmp_path}/c.pt"]
    assert run("lenet", *where, "--epochs=1", "--version=1.0").exit_code == 0
    result = run("reach", tmp_path / "cifar10-1.0.pt", "--source", pictures)
    assert result.exit_code == 1
    assert "lenet, whose layers have no reach" in result.output


def test_pictures_that_it_was_not_trained_on_are_refused(pictures, tmp_path):
    weights = fast(pictures, tmp_path)
    before = weights.read_bytes()
    (tmp_path / "fewer").mkdir()
    for part in ("train", "test"):
        (tmp_path / "fewer" / part).symlink_to(pictures / "test")
    result = run("reach", weights, "--source", tmp_path / "fewer")
    assert result.exit_code == 1
    assert "is not what" in result.output
    assert weights.read_bytes() == before
