import pytest
import torch
from torch import nn

from tests.training.training_images import make_pictures
from training.assessment import match_classes
from training.errors import SourceError
from training.evaluation import agreement, evaluate, low_margin, predict
from training.sources import load_source, rename_classes


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


def test_a_close_call_is_one_whose_best_logit_hardly_leads():
    logits = torch.tensor([[3.0, 0.0, 2.9], [3.0, 0.0, 2.0], [-1.0, -1.2, -9.0]])
    assert low_margin(logits, min_margin=0.25).tolist() == [True, False, True]


def test_classes_go_by_name_then_by_order_and_else_not_at_all(tmp_path):
    source = load_source(str(make_pictures(tmp_path, train=1, test=1)), image_size=32)
    assert match_classes(source, ["red", "x", "blue", "green"]).labels.tolist() == [2, 3, 0]
    assert match_classes(rename_classes(source, ["b", "g", "r"]), ["blue", "green", "red"]).labels.tolist() == [0, 1, 2]
    with pytest.raises(SourceError, match="the network knows cat, dog"):
        match_classes(source, ["cat", "dog"])
