import torch
from torch import nn

from training.distillation import Teacher

PICTURES = 200


class LeftOrRight(nn.Module):
    """Names the half of a picture that is brighter, and could learn how sure to be."""

    def __init__(self):
        super().__init__()
        self.sure = nn.Parameter(torch.ones(()))

    def forward(self, images):
        left, right = images[..., :16].mean(dim=(1, 2, 3)), images[..., 16:].mean(dim=(1, 2, 3))
        return torch.stack([left, right], dim=1) * self.sure


class Undecided(nn.Module):
    """Finds both halves as likely."""

    def forward(self, images):
        return torch.zeros(len(images), 2)


def answers(*networks):
    """Probabilities for pictures that are all bright at their left."""
    images = torch.zeros(PICTURES, 3, 32, 32)
    images[..., :16] = 255
    return Teacher(networks or [LeftOrRight()])(images, generator=torch.Generator().manual_seed(0))


def test_a_teacher_sees_about_half_of_the_pictures_flipped():
    assert 80 < (answers().argmax(dim=1) == 0).sum() < 120


def test_a_teacher_answers_probabilities():
    torch.testing.assert_close(answers().sum(dim=1), torch.ones(PICTURES))
    assert answers().min() >= 0


def test_two_networks_answer_half_of_the_pictures_each():
    both = answers(LeftOrRight(), Undecided())[:, 0]
    assert set(both[: PICTURES // 2].tolist()) == {0.0, 1.0}
    assert set(both[PICTURES // 2 :].tolist()) == {0.5}


def test_more_networks_than_pictures_answer_each_picture_once():
    images = torch.zeros(2, 3, 32, 32)
    teacher = Teacher([LeftOrRight(), Undecided(), LeftOrRight()])
    assert teacher(images, generator=torch.Generator().manual_seed(0)).shape == (2, 2)


def test_a_teacher_does_not_learn():
    network = LeftOrRight().train()
    Teacher([network])
    assert not network.training
    assert not network.sure.requires_grad
    assert not answers().requires_grad
