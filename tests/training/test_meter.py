import time

import torch

from training.meter import Stopwatch


def test_a_stopwatch_adds_up_what_is_spent_within_it_and_starts_again_once_read():
    watch = Stopwatch(torch.device("cpu"))
    for _ in range(2):
        with watch:
            time.sleep(0.02)
        time.sleep(0.02)
    assert watch.take_seconds() >= 0.04
    assert watch.take_seconds() == 0
