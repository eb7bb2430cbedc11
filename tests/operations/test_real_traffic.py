"""What users got of a new default is judged beside what they got of the old one, and only where that is sure."""

import math

import numpy as np
import pytest

from operations.errors import RolledBackError
from operations.real_traffic import RealTraffic, traffic_judge
from operations.scrape import Scrape, ScrapeError, quantile
from serving.listeners import free_port


def scrape(*, at_s: float = 0, **counts: tuple[int, int]) -> Scrape:
    """Metrics by version, `v1=(answered, refused)`; every batch took 5 to 10 ms."""
    lines = []
    for version, (answered, refused) in counts.items():
        of = f'model="m",version="{version}"'
        lines += [
            f'pixserve_requests_total{{{of},protocol="rest",status="200",error=""}} {answered}',
            f'pixserve_requests_total{{{of},protocol="rest",status="413",error="TooManyBytes"}} {refused}',
            f'pixserve_batch_seconds_bucket{{{of},le="0.005"}} 0',
            f'pixserve_batch_seconds_bucket{{{of},le="0.01"}} {answered}',
            f'pixserve_batch_seconds_bucket{{{of},le="+Inf"}} {answered}',
            f"pixserve_workers_wanted{{{of}}} 2",
        ]
    return Scrape.of_text("\n".join(lines) + "\n", at_s=at_s)


def traffic(before: Scrape, after: Scrape, *, max_errors: float = 0.01) -> RealTraffic:
    looks = iter([before, after])
    return RealTraffic(lambda: next(looks), model="m", old="v1", new="v2", max_errors=max_errors)


def test_a_version_that_refuses_what_the_old_one_took_is_found() -> None:
    judged = traffic(scrape(v1=(10_000, 100), v2=(0, 0)), scrape(v1=(10_000, 100), v2=(160, 40)))
    with pytest.raises(RolledBackError, match=r"v2 refused or failed 20.0% of 200 real requests; v1 did 1.0% of 10100"):
        judged.judge()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((10_000, 100), (200, 4)),  # 2 % instead of 1 %: that may be chance
        ((10_000, 100), (10, 39)),  # too few to tell
        ((800, 200), (800, 200)),  # users send as much nonsense as before
        ((0, 0), (500, 5)),
        ((0, 0), (0, 0)),
    ],
)
def test_a_version_that_is_not_surely_worse_is_not(old: tuple[int, int], new: tuple[int, int]) -> None:
    sentence = traffic(scrape(v1=old), scrape(v1=old, v2=new)).judge()
    assert sentence.startswith(f"{sum(new)} requests, ")


def test_what_the_new_version_answered_before_the_switch_is_not_its_users() -> None:
    before = scrape(v1=(1000, 0), v2=(0, 500))  # the gate's calls
    assert traffic(before, scrape(v1=(1000, 0), v2=(300, 500))).judge().startswith("300 requests, 0.0% refused")


def test_false_alarms_are_as_rare_as_it_says() -> None:
    draws = np.random.default_rng(0)
    found = 0
    for _ in range(2000):
        old, new = draws.binomial(5000, 0.05), draws.binomial(400, 0.05)
        judged = traffic(scrape(v1=(5000 - old, old)), scrape(v1=(5000, 0), v2=(400 - new, new)), max_errors=0.0)
        try:
            judged.judge()
        except RolledBackError:
            found += 1
    assert found <= 12  # 2 are expected; the tail of the normal approximation is a little thin


def test_a_server_without_metrics_is_said_and_not_judged() -> None:
    port = free_port()
    judge = traffic_judge(None, model="m", old="v1", new="v2", max_errors=0)
    assert judge() == "not judged, the server was started without metrics"
    judge = traffic_judge(f"http://127.0.0.1:{port}", model="m", old="v1", new="v2", max_errors=0)
    assert judge().startswith(f"not judged, there are no metrics at http://127.0.0.1:{port}: ")


def test_metrics_that_go_away_while_a_version_is_watched_end_the_watch() -> None:
    looks = iter([scrape(v1=(1, 0))])

    def ask() -> Scrape:
        for look in looks:
            return look
        raise ScrapeError("gone")

    judged = RealTraffic(ask, model="m", old="v1", new="v2", max_errors=0)
    with pytest.raises(ScrapeError):
        judged.judge()


def test_a_quantile_is_prometheus_guess() -> None:
    found = scrape(v1=(100, 0))
    assert quantile(found, "pixserve_batch_seconds", 0.5, version="v1") == pytest.approx(0.0075)
    assert math.isnan(quantile(found, "pixserve_batch_seconds", 0.5, version="v9"))
    assert math.isnan(quantile(scrape(v1=(0, 0)), "pixserve_batch_seconds", 0.5))


def test_a_counter_that_started_at_zero_in_between_counts_from_there() -> None:
    new = scrape(v1=(30, 0)).since(scrape(v1=(100, 0)))
    assert new.sum("pixserve_requests_total", version="v1") == 30
