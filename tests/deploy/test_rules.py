"""Rules and dashboard of deploy/observability: promtool's own checks, and names that the reference knows."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from serving.settings import PROJECT

FOLDER = PROJECT / "deploy" / "observability"
RULES, TESTS = FOLDER / "rules.yml", FOLDER / "rules.test.yml"
REFERENCE = PROJECT / "docs" / "reference" / "metrics.md"
METRIC = re.compile(r"\bpixserve[_:][\w:]+")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; `apt-get install prometheus` brings it")
    return subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)


def rules(kind: str) -> dict[str, str]:
    """Expressions of the rules by name; `kind` is `alert` or `record`."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule[kind]: rule["expr"] for group in groups for rule in group["rules"] if kind in rule}


def queries() -> list[str]:
    """Every query of the dashboard."""
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_the_rules_pass_their_unit_tests() -> None:
    done = promtool("test", "rules", TESTS.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested_both_ways_and_each_recording_once() -> None:
    # promtool finds nothing wrong with a test of an alert that does not exist.
    tests = yaml.safe_load(TESTS.read_text())
    assert tests["rule_files"] == [RULES.name]
    cases = [case for test in tests["tests"] for case in test.get("alert_rule_test", [])]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    stays_silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert fires == stays_silent == set(rules("alert"))
    asked = " ".join(case["expr"] for test in tests["tests"] for case in test.get("promql_expr_test", []))
    used = " ".join(rules("alert").values())
    for name in rules("record"):
        assert name in asked or name in used, f"{name} is neither tested nor used by an alert that is"


def test_rules_and_dashboard_ask_for_metrics_that_the_reference_names() -> None:
    known = set(re.findall(r"^\| `(pixserve_\w+)`", REFERENCE.read_text(), re.MULTILINE)) | set(rules("record"))
    asked = {
        name
        for text in [*rules("alert").values(), *rules("record").values(), *queries()]
        for name in METRIC.findall(text)
    }
    assert asked
    unknown = {name for name in asked if name not in known and re.sub("_(bucket|sum|count)$", "", name) not in known}
    assert not unknown


def test_an_alert_says_what_happened_and_what_to_do() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "action"}


def test_watch_says_what_is_missing(tmp_path) -> None:
    done = subprocess.run(
        [FOLDER / "watch.sh", tmp_path], env={"PATH": "/nowhere:/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.returncode == 1
    if shutil.which("prometheus", path="/usr/bin:/bin"):
        assert f"no server with metrics was started in {tmp_path}; `make start` starts one" in done.stderr
    else:
        assert "prometheus is not installed; on Debian: apt-get install prometheus" in done.stderr
