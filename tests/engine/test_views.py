import numpy as np

from engine.metadata import MAX_VIEWS
from engine.views import VIEWS, AveragedViews, view_of


def test_views_are_the_image_its_shifts_by_a_pixel_and_all_of_them_mirrored():
    image = np.arange(27, dtype=np.uint8).reshape(1, 3, 3, 3)
    views = [view_of(image, *view)[0] for view in VIEWS]
    assert len(views) == MAX_VIEWS
    assert (views[0] == image[0]).all()
    assert (views[1] == image[0, :, ::-1]).all()
    assert (views[2][:2, :2] == image[0, 1:, 1:]).all()  # up and to the left
    assert (views[2][2, 2] == image[0, 2, 2]).all()  # the edge once more
    assert (views[4][1:, 1:] == image[0, :2, :2]).all()  # down and to the right
    assert (views[5] == views[4][:, ::-1]).all()


class TopLeft:
    """Answers by the corner of an image, and counts what it is asked."""

    asked = 0

    def probabilities(self, pixels):
        self.asked += 1
        corner = pixels[:, 0, 0, 0].astype(np.float32) / 255
        return np.stack([corner, 1 - corner], axis=1)


def test_the_answers_to_the_views_of_an_image_are_averaged_in_one_forward_pass():
    network = TopLeft()
    images = np.zeros((2, 3, 3, 3), np.uint8)
    images[1, :, :2] = 255  # mirrored, its corner is black, but for the shift by which that leaves the image
    answers = AveragedViews(network, first=1, end=4).probabilities(images)
    assert network.asked == 1
    corners = [view_of(images, *view)[1, 0, 0, 0] / 255 for view in VIEWS[1:4]]
    np.testing.assert_allclose(answers[:, 0], [0, np.mean(corners)], rtol=1e-6)
