import pytest
import torch

from model.resnet import ResNet
from training.calibration import MAX_FACTOR, MIN_IMAGES_FOR_CURVE, fit_calibration, reliability


@pytest.fixture
def calibrated():
    """Logits of ten classes, and labels drawn with exactly their probabilities."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 10, generator=generator)
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=generator).flatten()


def test_honest_probabilities_have_next_to_no_error(calibrated):
    assert reliability(*calibrated).error < 0.01


def fitted(logits, labels):
    return fit_calibration(logits, labels, calibrate=ResNet.calibrated)


def test_too_confident_probabilities_have_an_error_and_one_factor_takes_it(calibrated):
    logits, labels = calibrated
    assert reliability(3 * logits, labels).error > 0.1
    coefficients = fitted(3 * logits, labels)
    assert coefficients[0].item() == pytest.approx(1 / 3, rel=0.03)
    assert reliability(ResNet.calibrated(3 * logits, coefficients), labels).error < 0.01


def test_confidence_that_is_wrong_in_the_middle_alone_takes_a_curve(calibrated):
    logits, labels = calibrated
    margin = torch.diff(logits.topk(2, dim=1).values.flip(1))
    bent = logits * (1 + (-margin / 2).exp())  # over-confident at low margins, calibrated at high ones
    few = MIN_IMAGES_FOR_CURVE - 1
    factor = torch.tensor([fitted(bent[:few], labels[:few])[0].item(), 0, 0])
    curve = fitted(bent, labels)
    errors = [reliability(ResNet.calibrated(bent, each), labels).error for each in (factor, curve)]
    assert errors[1] < 0.6 * errors[0]


def test_few_pictures_give_one_factor_within_bounds():
    coefficients = fitted(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]))
    assert 1 < coefficients[0] <= MAX_FACTOR
    assert coefficients[1:].tolist() == [0, 0]


def test_every_answer_is_in_one_bin_sure_ones_in_the_last():
    logits = torch.tensor([[100.0, 0.0], [0.0, 0.0], [0.0, 100.0]])
    bins = reliability(logits, torch.tensor([0, 0, 0]))
    assert bins.count.tolist() == [0] * 7 + [1] + [0] * 6 + [2]
    assert bins.accuracy[-1] == 0.5
    assert bins.error == pytest.approx((2 * 0.5 + 0.5) / 3)
