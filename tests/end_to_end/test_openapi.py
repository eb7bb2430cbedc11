"""A real server against its own OpenAPI document: the examples, and requests made from the schemas."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
CONFIG = '[parameters]\n"path.model" = "cifar10"\n"path.version" = "1.0"\n'


@pytest.fixture
def address(server):
    return server.settings.properties["front_address"]


@pytest.fixture
def document(address):
    return requests.get(f"{address}/openapi.json", timeout=10).json()


def with_body(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, found["post"]) for path, found in document["paths"].items() if "post" in found]


def test_each_example_of_a_request_is_answered_by_what_the_document_says(address, document):
    asked = 0
    for path, operation in with_body(document):
        url = address + path.format(model="cifar10", version="1.0")
        for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
            response = requests.post(url, json=example["value"], timeout=60)
            assert response.status_code == 200, response.text
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema_rs.validate({**schema, "components": document["components"]}, response.json())
            asked += 1
    assert asked >= 8


def test_the_page_is_shown_without_anything_from_elsewhere(address):
    response = requests.get(f"{address}/docs", timeout=10)
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "/v2/models/{model}/infer" in response.text


@pytest.mark.parametrize("config", [CONFIG, ""], ids=["of the model", "of any name"])
def test_requests_made_from_the_schemas_find_no_5xx_and_no_answer_outside_them(address, tmp_path: Path, config):
    (tmp_path / "schemathesis.toml").write_text(config)
    options = [
        "--checks",
        ",".join(CHECKS),
        "--max-examples",
        "8",
        "--seed",
        "1",
        "--phases",
        "examples,coverage,fuzzing",
    ]
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", tmp_path / "schemathesis.toml"]
    done = subprocess.run(
        [*map(str, command), "run", f"{address}/openapi.json", *options],
        cwd=tmp_path, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    generated = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated, done.stdout[-3000:]
    assert int(generated[1]) > 100
