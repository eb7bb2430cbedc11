import pytest
import torch

from training.augmentation import GREY, UNCHANGED, Augmentation


@pytest.fixture
def images():
    return torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def change(images, flipped=None, **how):
    flipped = torch.zeros(len(images), dtype=torch.bool) if flipped is None else flipped
    return Augmentation(**how)(images, flipped=flipped, generator=torch.Generator().manual_seed(1))


def test_nothing_asked_changes_nothing(images):
    assert not UNCHANGED.changes_anything
    assert torch.equal(change(images), images.float())


def test_only_the_pictures_meant_are_flipped(images):
    flipped = torch.arange(16) % 2 == 0
    changed = change(images, flipped, horizontal_flip=True)
    assert torch.equal(changed[::2], images[::2].flip(-1).float())
    assert torch.equal(changed[1::2], images[1::2].float())


def test_a_moved_picture_is_found_whole_in_its_reflection(images):
    padded = torch.nn.functional.pad(images.float(), (4, 4, 4, 4), mode="reflect")
    changed = change(images, translate_px=4)
    windows = padded.unfold(2, 32, 1).unfold(3, 32, 1)  # (N, 3, 9, 9, 32, 32)
    found = (windows == changed[:, :, None, None]).all(dim=(1, 4, 5))
    assert found.flatten(1).any(dim=1).all()
    assert found.flatten(1).float().argmax(dim=1).unique().numel() > 5  # not all the same way


def test_cutout_covers_one_square_of_every_picture(images):
    changed = change(images, cutout_px=12)
    covered = (changed == GREY).all(dim=1)
    assert (covered.sum(dim=(1, 2)) >= 12 * 12).all()
    assert torch.equal(changed[~covered[:, None].expand_as(changed)], images[~covered[:, None].expand_as(images)])


def test_colours_change_from_picture_to_picture_and_not_within_one(images):
    flat = torch.full_like(images, 90)
    changed = change(flat, contrast=0.3, brightness=0.2)
    assert changed.flatten(1).std(dim=1).max() < 1e-3
    assert changed[:, 0, 0, 0].std() > 5


def test_blur_leaves_the_mean_and_takes_the_noise(images):
    changed = change(images, blur_probability=1.0)
    assert changed.std() < 0.95 * images.float().std()
    assert changed.mean().item() == pytest.approx(images.float().mean().item(), abs=2)


def test_the_same_chance_gives_the_same_pictures(images):
    how = {"translate_px": 4, "cutout_px": 8, "contrast": 0.2, "brightness": 0.1, "blur_probability": 0.5}
    assert torch.equal(change(images, **how), change(images, **how))
