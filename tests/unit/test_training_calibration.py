import pytest
import torch

from training.calibration import fit_temperature, reliability


@pytest.fixture
def calibrated():
    """Logits of ten classes, and labels drawn with exactly their probabilities."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 10, generator=generator)
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=generator).flatten()


def test_honest_probabilities_have_next_to_no_error(calibrated):
    assert reliability(*calibrated).error < 0.01


def test_too_confident_probabilities_have_an_error_and_the_temperature_takes_it(calibrated):
    logits, labels = calibrated
    assert reliability(3 * logits, labels).error > 0.1
    temperature = fit_temperature(3 * logits, labels)
    assert temperature == pytest.approx(3, rel=0.03)
    assert reliability(3 * logits / temperature, labels).error < 0.01


def test_every_answer_is_in_one_bin_sure_ones_in_the_last():
    logits = torch.tensor([[100.0, 0.0], [0.0, 0.0], [0.0, 100.0]])
    bins = reliability(logits, torch.tensor([0, 0, 0]))
    assert bins.count.tolist() == [0] * 7 + [1] + [0] * 6 + [2]
    assert bins.accuracy[-1] == 0.5
    assert bins.error == pytest.approx((2 * 0.5 + 0.5) / 3)
