import torch
import torch.nn.functional as F

from model.lenet import LeNet


def test_pixels_become_one_float_logit_a_class():
    pixels = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    logits = LeNet(classes=7)(pixels)
    assert logits.shape == (5, 7)
    assert logits.dtype == torch.float32


def test_it_has_the_parameters_of_the_tutorials_network():
    assert sum(each.numel() for each in LeNet().parameters()) == 62_006


def test_its_normalisation_travels_with_the_weights():
    network, other = LeNet(), LeNet()
    network.mean.fill_(0.25)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.mean, network.mean)


def test_it_computes_what_the_tutorials_network_does():
    network, pixels = LeNet(), torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    x = (pixels / 255 - 0.5) / 0.5
    for convolution in (network.conv1, network.conv2):
        x = F.max_pool2d(F.relu(convolution(x)), 2)
    expected = network.fc3(F.relu(network.fc2(F.relu(network.fc1(x.flatten(1))))))
    torch.testing.assert_close(network(pixels), expected)


def test_a_picture_gets_the_same_logits_alone_and_in_a_batch():
    network = LeNet().eval()
    pixels = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(network(pixels[3:4]), network(pixels)[3:4])
