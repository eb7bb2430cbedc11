"""Kubernetes takes the manifests: two releases of its schemas, and what the schemas do not see."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from serving.settings import PROJECT, Settings

KUBERNETES = PROJECT / "deploy" / "kubernetes"
RELEASES = ("1.36", "1.37")
MANIFESTS = sorted(path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml")
# Kinds that others define; their schemas are in no package, so these are held to their references alone.
OTHERS = ("gateway.networking.k8s.io/", "keda.sh/", "monitoring.coreos.com/", "serving.kserve.io/")


def objects(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def validate(manifest: dict[str, Any], release: str) -> None:
    """Raise where `release` of Kubernetes has no such kind, or the kind no such field."""
    kubernetes_validate.validate(manifest, release, strict=True)


OWN = [each for path in MANIFESTS for each in objects(path) if not each["apiVersion"].startswith(OTHERS)]


def called(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("manifest", OWN, ids=called)
def test_a_manifest_is_valid(manifest, release):
    validate(manifest, release)


def deployment() -> dict[str, Any]:
    (manifest,) = objects(KUBERNETES / "base" / "deployment.yaml")
    return manifest


def container() -> dict[str, Any]:
    (only,) = deployment()["spec"]["template"]["spec"]["containers"]
    return only


def test_a_misspelt_field_fails():
    broken = deployment()
    broken["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(broken, RELEASES[-1])


def test_an_api_version_that_was_removed_fails():
    broken = deployment() | {"apiVersion": "extensions/v1beta1"}
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        validate(broken, RELEASES[-1])


@pytest.mark.parametrize("path", sorted(KUBERNETES.glob("*/kustomization.yaml")), ids=lambda path: path.parent.name)
def test_what_a_kustomization_names_exists(path):
    (kustomization,) = objects(path)
    for name in kustomization["resources"]:
        assert (path.parent / name).exists(), name


def test_each_manifest_belongs_to_a_kustomization():
    for path in MANIFESTS:
        (kustomization,) = objects(path.parent / "kustomization.yaml")
        assert path.name in kustomization["resources"]


def test_services_budgets_and_policies_select_the_pods_of_the_deployment():
    labels = deployment()["spec"]["template"]["metadata"]["labels"].items()
    for manifest in OWN:
        spec = manifest["spec"]
        selector = spec.get("selector") or spec.get("podSelector")
        if selector:
            assert selector.get("matchLabels", selector).items() <= labels, called(manifest)


def test_named_ports_are_ports_of_the_container():
    names = {port["name"] for port in container()["ports"]}
    (service,) = objects(KUBERNETES / "base" / "service.yaml")
    (policy,) = objects(KUBERNETES / "base" / "network-policy.yaml")
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} <= names
    assert {container()[probe]["httpGet"]["port"] for probe in PROBES} <= names


PROBES = {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}


def test_probes_ask_for_the_health_that_they_are_named_after():
    assert {probe: container()[probe]["httpGet"]["path"] for probe in PROBES} == PROBES


def test_ports_are_those_of_the_settings_in_the_image(tmp_path):
    config = tmp_path / "config.properties"
    config.write_text((PROJECT / "config.properties").read_text())
    local = PROJECT / "deploy" / "container" / "config.local.properties"
    (tmp_path / local.name).write_text(local.read_text())
    settings = Settings.read(config, runtime_dir=tmp_path / "run", store=tmp_path)
    served = {settings.ports[key] for key in ("front_address", "front_grpc_port", "inference_address")}
    ports = {port["containerPort"] for port in container()["ports"]}
    assert served <= ports
    assert ports - served == {int(settings.properties["metrics_address"].rpartition(":")[2])}


def test_routes_and_autoscalers_name_what_exists():
    names = {"pixserve", "pixserve-canary"}
    for path in MANIFESTS:
        for manifest in objects(path):
            spec = manifest["spec"]
            if "scaleTargetRef" in spec:
                assert spec["scaleTargetRef"]["name"] == deployment()["metadata"]["name"]
            for rule in spec.get("rules", []):
                weights = [backend["weight"] for backend in rule["backendRefs"]]
                assert {backend["name"] for backend in rule["backendRefs"]} == names
                assert sum(weights) == 100


def test_what_replicas_are_scaled_by_is_a_metric_of_the_service():
    documented = (PROJECT / "docs" / "reference" / "metrics.md").read_text()
    scalers = [(KUBERNETES / path).read_text() for path in ("hpa/autoscaler.yaml", "keda/scaled-object.yaml")]
    for text in scalers:
        (metric,) = re.findall(r"pixserve_\w+", text)
        assert f"`{metric}`" in documented
