"""The OpenAPI document: valid, complete, with examples that are what they say; and its page."""

import re
from html import unescape
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from starlette.routing import Route

from front.app import MODULES
from front.openapi.document import document
from front.openapi.errors import types_of
from front.openapi.page import page
from handler.errors import HTTP_STATUSES, type_name

UNDOCUMENTED = {"/openapi.json", "/docs"}  # the document itself
DOCUMENT = document()
ERRORS = {error: code for error, (code, _) in HTTP_STATUSES.items() if code >= 400}  # the front redirects nobody


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (verb.upper(), path, operation)
        for path, found in DOCUMENT["paths"].items()
        for verb, operation in found.items()
        if verb in ("get", "post")
    ]


def contents() -> list[tuple[str, dict[str, Any]]]:
    """Every body of a request or an answer that has a schema, with a name for it."""
    found = []
    for verb, path, operation in operations():
        bodies = {"request": operation.get("requestBody", {"content": {}}), **operation["responses"]}
        for name, body in bodies.items():
            found += [(f"{verb} {path} {name} {kind}", content) for kind, content in body["content"].items()]
    return found


def test_the_document_is_valid() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_every_route_of_the_front_is_documented_and_no_other() -> None:
    routes = {
        (method, route.path)
        for module in MODULES
        for route in module.routes
        if isinstance(route, Route)  # a folder of files is none
        for method in (route.methods or set()) - {"HEAD"}
    }
    documented = {(verb, path) for verb, path, _ in operations()}
    assert documented == {(method, path) for method, path in routes if path not in UNDOCUMENTED}


def test_every_error_type_of_the_handler_is_an_example_of_its_status() -> None:
    responses = DOCUMENT["paths"]["/predictions/{model}"]["post"]["responses"]
    for error, code in ERRORS.items():
        example = responses[str(code)]["content"]["application/json"]["examples"][type_name(error)]
        assert example["value"]["type"] == type_name(error)
        assert example["summary"] == types_of(code)[type_name(error)] != ""


@pytest.mark.parametrize(("name", "content"), contents(), ids=[name for name, _ in contents()])
def test_every_example_is_what_its_schema_says(name: str, content: dict[str, Any]) -> None:
    examples = [each["value"] for each in content.get("examples", {}).values()]
    examples += [content["example"]] if "example" in content else []
    is_json = name.endswith(" application/json")
    assert bool(examples) == is_json
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    for example in examples:
        jsonschema_rs.validate(schema, example)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


def test_the_page_shows_every_operation_and_error_and_asks_nobody_else() -> None:
    html = page(DOCUMENT)
    text = unescape(re.sub(r"<[^>]+>", " ", html))
    assert all(path in text for _, path, _ in operations())
    assert all(type_name(error) in text for error in ERRORS)
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", html)
    assert set(re.findall(r'href="([^"]*)"', html)) == {"openapi.json"}
