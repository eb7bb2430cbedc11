"""The document as one page of HTML for people: no script and nothing from elsewhere, under any policy."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
summary{cursor:pointer;padding:.3rem 0} details{border-bottom:1px solid #d0d7de} details details{margin-left:1.5rem}
code,pre{font:14px/1.4 ui-monospace,monospace} pre{background:#f6f8fa;padding:.75rem;overflow-x:auto}
.verb{display:inline-block;min-width:3.5rem;font-weight:600}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre{background:#161b22}a{color:#58a6ff}}
"""


def page(document: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI document: its operations by tag, each with its calls and answers."""
    info = document["info"]
    tags: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for verb in ("get", "post"):
            if operation := operations.get(verb):
                tags.setdefault(operation["tags"][0], []).append("".join(_operation(verb, path, operation)))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(written)}" for tag, written in tags.items())
    schemas = "".join(
        _details(f"<code>{escape(name)}</code>", _json(schema))
        for name, schema in document["components"]["schemas"].items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style>"
        f"<main><h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        f'<p><a href="openapi.json">openapi.json</a>, OpenAPI {escape(document["openapi"])}</p>'
        f"{sections}<h2>Schemas</h2>{schemas}</main></html>"
    )


def _operation(verb: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<details><summary><span class="verb">{verb.upper()}</span> <code>{escape(path)}</code> '
    yield f"{escape(operation['summary'])}</summary>"
    if text := operation.get("description"):
        yield f"<p>{escape(text)}</p>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield _details(f"request <code>{escape(kind)}</code>", _content(content))
    for status, response in operation["responses"].items():
        contents = "".join(map(_content, response["content"].values()))
        yield _details(f"answer {escape(status)}", f"<p>{escape(response['description'])}</p>{contents}")
    yield "</details>"


def _content(content: Mapping[str, Any]) -> str:
    examples = content.get("examples", {"an example": {"value": content["example"]}} if "example" in content else {})
    shown = "".join(f"<p>{escape(name)}</p>{_json(example['value'])}" for name, example in examples.items())
    return shown + _details("schema", _json(content["schema"]))


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>{body}</details>"


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
