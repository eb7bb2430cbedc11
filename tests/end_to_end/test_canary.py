"""A canary: the gateway moves traffic to a new version by share, and back where it fails."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from operations.errors import RolledBackError
from operations.events import Event, Phase, PhaseAdvanced, PhaseStarted
from operations.plan import Plan
from operations.rollout import Rollout
from pixserve import Connection
from serving.server import Server
from tests.changed_archives import build_failing
from tests.gateways import RunningGateway, gateway_before, needs_nginx
from tests.two_versions import GENEROUS, MODEL, NEW, OLD, generated_images, label_images, two_versions

pytestmark = needs_nginx

IMAGES = generated_images(20)
CANARY_S = 2.0


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Server, Connection, Path]]:
    """A server with 1.0 as its default, and an archive of 2.0."""
    with two_versions() as (server, connection, folder):
        label_images(connection, IMAGES, folder=folder / "gate")
        yield server, connection, folder


def plan_of(folder: Path, version: str, shares: tuple[float, ...]) -> Plan:
    limits = GENEROUS  # no test judges by the clock
    archive = f"{MODEL}-{version}.mar"
    return Plan(archive, folder / "gate", workers=1, limits=limits, watch_s=0, canary=shares, canary_s=CANARY_S)


def answering_versions(gateway: RunningGateway, path: str, count: int = 40) -> Counter[str]:
    """Which versions answer requests through the gateway."""
    answers = [gateway.ask("POST", path, data=IMAGES[0]).json() for _ in range(count)]
    return Counter(answer["model_version"] for answer in answers)


def test_without_a_gateway_nothing_is_begun(service):
    _, connection, folder = service
    phases: list[Event] = []
    with pytest.raises(GatewayError, match="at the gateway, which does not run; `make gateway` starts it"):
        Rollout(connection, model=MODEL, plan=plan_of(folder, NEW, (50,)), listener=phases.append).run()
    assert phases == []


def test_a_version_that_fails_as_a_canary_gets_no_request_any_more(service, tmp_path):
    server, connection, folder = service
    marker = tmp_path / "fail"
    build_failing(folder, "late", once=marker)

    def fail(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase is Phase.CANARY:
            marker.touch()

    with gateway_before(server.settings) as gateway:
        with pytest.raises(RolledBackError, match="as a canary, late failed"):
            Rollout(connection, model=MODEL, plan=plan_of(folder, "late", (50,)), listener=fail).run()
        assert "late" not in (gateway.folder / "canary.conf").read_text()
        assert answering_versions(gateway, f"/predictions/{MODEL}") == {OLD: 40}
        assert connection.management.default_version(MODEL) == OLD


def test_traffic_moves_share_by_share_and_then_the_version_is_the_default(service):
    server, connection, folder = service
    seen: list[tuple[float | None, Counter[str], Counter[str]]] = []
    percent: list[float | None] = []

    def sample(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase is Phase.CANARY:
            percent.append(event.percent)
        elif isinstance(event, PhaseAdvanced) and event.phase is Phase.CANARY and len(seen) < len(percent):
            named = answering_versions(gateway, f"/predictions/{MODEL}/{OLD}", 5)
            seen.append((percent[-1], answering_versions(gateway, f"/predictions/{MODEL}"), named))

    with gateway_before(server.settings) as gateway:
        Rollout(connection, model=MODEL, plan=plan_of(folder, NEW, (50, 100)), listener=sample).run()
        (first, half, named), (second, whole, _) = seen
        assert (first, second) == (50, 100)
        assert half.keys() == {OLD, NEW}
        assert whole == {NEW: 40}
        assert named == {OLD: 5}  # who names a version gets it
        assert NEW not in (gateway.folder / "canary.conf").read_text()
        assert answering_versions(gateway, f"/predictions/{MODEL}") == {NEW: 40}
