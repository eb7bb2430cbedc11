"""The KubeRay manifest is one that the cluster takes, and its command is one that pixserve takes."""

import copy
import json
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from serving.settings import PROJECT
from tests.house.test_commands import WrongCommandError, check

MANIFEST = PROJECT / "deploy" / "ray" / "score.yaml"
SCHEMA = Path(__file__).with_name("rayjob-v1.7.0.json")


def strict(schema: Any) -> Any:
    """The schema, refusing unknown fields, as an API server with strict validation does."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if isinstance(schema.get("properties"), dict) and "x-kubernetes-preserve-unknown-fields" not in schema:
            schema.setdefault("additionalProperties", False)
        if schema.get("x-kubernetes-int-or-string"):
            schema["type"] = ["integer", "string"]
    elif isinstance(schema, list):
        schema = [strict(entry) for entry in schema]
    return schema


def check_job(job: dict[str, Any]) -> None:
    schema = strict(json.loads(SCHEMA.read_text()))
    schema["properties"]["metadata"].pop("additionalProperties", None)
    jsonschema.Draft202012Validator(schema).validate(job)
    for template in templates_of(job):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, **template}
        kubernetes_validate.validate(pod, "1.34", strict=True)


def templates_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"]["template"], *(group["template"] for group in cluster["workerGroupSpecs"])]


@pytest.fixture
def documents() -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}


def test_the_manifest_is_valid_and_a_misspelt_field_is_not(documents: dict[str, dict[str, Any]]) -> None:
    kubernetes_validate.validate(documents["PersistentVolumeClaim"], "1.34", strict=True)
    job = documents["RayJob"]
    check_job(job)
    wrong = copy.deepcopy(job)
    wrong["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replica"] = 4
    with pytest.raises(jsonschema.ValidationError):
        check_job(wrong)
    wrong = copy.deepcopy(job)
    templates_of(wrong)[1]["spec"]["containers"][0]["resource"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        check_job(wrong)


def test_its_command_is_one_that_pixserve_takes(documents: dict[str, dict[str, Any]]) -> None:
    words = shlex.split(documents["RayJob"]["spec"]["entrypoint"])
    assert check(words, complete=True)
    with pytest.raises(WrongCommandError):
        check([*words, "--resum"], complete=True)


def test_cluster_and_image_have_the_ray_of_this_project(documents: dict[str, dict[str, Any]]) -> None:
    assert documents["RayJob"]["spec"]["rayClusterSpec"]["rayVersion"] == version("ray")
    assert f"FROM rayproject/ray:{version('ray')}-py3" in (MANIFEST.parent / "Dockerfile").read_text()


def test_every_node_sees_the_volume_that_the_claim_asks_for(documents: dict[str, dict[str, Any]]) -> None:
    claim = documents["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for template in templates_of(documents["RayJob"]):
        (volume,) = template["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        (container,) = template["spec"]["containers"]
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/data"}]
