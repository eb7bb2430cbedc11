import pytest
import torch
from torch import nn

from training.evaluation import agreement, evaluate, predict


class Brightest(nn.Module):
    """Answers the channel that is brightest."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.9)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, pixels):
        return self.dropout(pixels.float().mean(dim=(2, 3))) * self.scale


def test_predictions_are_those_of_evaluation_mode_and_training_goes_on_after():
    network = Brightest().train()
    pixels = torch.randint(0, 256, (1203, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(predict(network, pixels), pixels.float().mean(dim=(2, 3)))
    assert network.training


def test_recall_and_precision_are_counted_per_class():
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    answers = torch.tensor([0, 0, 0, 1, 1, 0])
    evaluation = evaluate(nn.functional.one_hot(answers, 3).float(), labels)
    assert evaluation.confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert evaluation.accuracy == pytest.approx(4 / 6)
    assert evaluation.recall == [0.75, 0.5, None]
    assert evaluation.precision == [0.75, 0.5, None]


def test_agreement_is_the_share_of_the_same_top_class():
    one = torch.eye(4)
    assert agreement(one, 2 * one) == 1
    assert agreement(one, one.roll(1, 0)) == 0
