"""How sure the gate is that a version is slower, on simulated latencies of shared cores."""

import numpy as np
import pytest

from operations.latency import SHARES, compare_latencies, percentile_ms
from operations.verdict import SLACK_MS

CALLS, PASSES, FACTOR, GATES = 500, 3, 2.0, 40


def latencies_s(chance: np.random.Generator, *, slowdown: float = 1.0) -> tuple[list[float], list[float]]:
    """Two versions called in turn on shared cores: 1 % of all calls stall, and pauses hit several calls in a row."""
    old, new = (chance.lognormal(np.log(0.005), 0.3, CALLS) for _ in range(2))
    for version in (old, new):
        stalled = chance.random(CALLS) < 0.012
        version[stalled] += chance.uniform(0.01, 0.06, stalled.sum())
    for start in np.flatnonzero(chance.random(CALLS) < 0.002):
        length = min(int(chance.geometric(1 / 8)), CALLS - start)
        for version in (old, new):
            hit = chance.random(length) < 0.5
            version[start : start + length][hit] += chance.uniform(0.02, 0.08, hit.sum())
    return old.tolist(), (new * slowdown).tolist()


def is_refused(chance: np.random.Generator, *, slowdown: float) -> bool:
    """What the gate decides, with as many passes as it makes."""
    old: list[float] = []
    new: list[float] = []
    for _ in range(PASSES):
        more = latencies_s(chance, slowdown=slowdown)
        old += more[0]
        new += more[1]
        found = compare_latencies(old, new)
        if any(each.surely_exceeds(FACTOR, slack_ms=SLACK_MS) for each in found):
            return True
        if not any(each.exceeds(FACTOR, slack_ms=SLACK_MS) for each in found):
            return False
    return False


def refused_share(slowdown: float) -> float:
    chance = np.random.default_rng(20261127)
    return sum(is_refused(chance, slowdown=slowdown) for _ in range(GATES)) / GATES


def test_identical_weights_are_hardly_ever_refused_where_a_bare_p99_refuses_one_in_ten() -> None:
    chance = np.random.default_rng(20261127)
    bare = [latencies_s(chance) for _ in range(GATES)]
    ratios = [percentile_ms(new, 0.99) / percentile_ms(old, 0.99) for old, new in bare]
    assert sum(ratio > FACTOR for ratio in ratios) / GATES > 0.05
    assert refused_share(1.0) == 0


def test_a_version_three_times_as_slow_is_always_refused() -> None:
    assert refused_share(3.0) == 1


def test_stalls_of_the_new_version_alone_are_found_in_its_p99() -> None:
    old = [0.005] * 1500
    new = [0.100 if index % 40 == 0 else 0.005 for index in range(1500)]
    p50, _, p99 = compare_latencies(old, new)
    assert p99.surely_exceeds(FACTOR, slack_ms=SLACK_MS)
    assert not p50.exceeds(FACTOR, slack_ms=SLACK_MS)


def test_the_interval_holds_the_measured_ratio_and_is_the_same_each_time() -> None:
    old, new = latencies_s(np.random.default_rng(1))
    for each in compare_latencies(old, new):
        assert each.ratio_low <= each.new_ms / each.old_ms <= each.ratio_high
    assert compare_latencies(old, new) == compare_latencies(old, new)


def test_few_calls_decide_nothing() -> None:
    assert compare_latencies([0.001] * 30, [1.0] * 30) == []


def test_percentiles_have_the_names_that_people_use() -> None:
    assert [each.name for each in compare_latencies([0.01] * 100, [0.01] * 100)] == ["p50", "p90", "p99"]
    assert len(SHARES) == 3


def test_a_percentile_is_a_latency_that_was_measured() -> None:
    latencies = [index / 1000 for index in range(1, 101)]
    assert [percentile_ms(latencies, share) for share in (0.5, 0.99, 1.0)] == pytest.approx([50, 99, 100])
