import pytest
import torch

from training.cutmix import cutmix

PICTURES = 64


@pytest.fixture
def mixed():
    """Pictures each of one colour, their number, with labels 0 to 3 by turns: mixed, with targets."""
    images = torch.arange(PICTURES).float().reshape(-1, 1, 1, 1).expand(-1, 3, 32, 32)
    labels = torch.arange(PICTURES) % 4
    generator = torch.Generator().manual_seed(0)
    return cutmix(images, labels, classes=4, probability=0.5, generator=generator)


def test_about_the_share_asked_get_one_square_of_the_picture_before(mixed):
    images, _ = mixed
    before = torch.arange(PICTURES).roll(1).reshape(-1, 1, 1, 1)
    foreign = images != torch.arange(PICTURES).reshape(-1, 1, 1, 1)
    assert torch.equal(images[foreign], before.expand_as(images)[foreign].float())
    rows, columns = foreign[:, 0].any(dim=2).sum(dim=1), foreign[:, 0].any(dim=1).sum(dim=1)
    assert torch.equal(rows, columns)
    assert torch.equal(foreign[:, 0].sum(dim=(1, 2)), rows * columns)
    assert 16 < (rows > 0).sum() < 48


def test_a_target_has_as_much_of_each_class_as_is_to_be_seen(mixed):
    images, targets = mixed
    own = (images[:, 0] == torch.arange(PICTURES).reshape(-1, 1, 1)).float().mean(dim=(1, 2))
    labels = torch.arange(PICTURES) % 4
    torch.testing.assert_close(targets.gather(1, labels[:, None])[:, 0], own)
    torch.testing.assert_close(targets.gather(1, labels.roll(1)[:, None])[:, 0], 1 - own)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(PICTURES))
    assert own.min() > 0.48  # its own label stays the main one, or nearly: squares have whole pixels
