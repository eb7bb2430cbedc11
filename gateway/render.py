"""nginx's main configuration, from the templates of deploy/gateway/; `gateway/live.py` has the files that change."""

import json
import os
from pathlib import Path

import jinja2

from gateway.routes import GRPC_ROUTES, routes
from gateway.settings import GatewaySettings
from serving.machine import this_machine
from serving.settings import PROJECT

TEMPLATES = PROJECT / "deploy" / "gateway"
WEB = PROJECT / "web"
MOST_PROCESSES = 4  # a process passes on more than two cores of TorchServe answer
ANSWER_HEADERS = {  # of what is no page: nothing of it is ever run or framed by a browser
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def configuration(settings: GatewaySettings, *, certificate: tuple[Path, Path] | None) -> str:
    """Return nginx's main configuration.

    Args:
        settings: the gateway's.
        certificate: PEM files of certificate and key; needed where there is a TLS address.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # nginx's language is not HTML; settings are checked for what could end a word
    )
    environment.filters["json_for_nginx"] = json_for_nginx
    upstreams = settings.upstreams
    return environment.get_template("nginx.conf.j2").render(
        settings=settings,
        folder=settings.directory,
        certificate=certificate,
        routes=routes(settings.model),
        grpc_routes=GRPC_ROUTES,
        upstreams=[
            ("rest", upstreams.rest),
            ("front", upstreams.front),
            ("grpc", upstreams.grpc),
            ("front_grpc", upstreams.front_grpc),
        ],
        processes=min(this_machine().cores, MOST_PROCESSES),
        root=os.geteuid() == 0,
        web=WEB,
        answer_headers=ANSWER_HEADERS,
        page_headers=ANSWER_HEADERS | page_headers(),
    )


def page_headers() -> dict[str, str]:
    """Return the headers that the web page asks for, `web/headers.json`; none where this checkout has no page."""
    path = WEB / "headers.json"
    headers: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return headers


def json_for_nginx(message: str) -> str:
    """Return a JSON text for a place between single quotes, where nginx takes `$` for a variable."""
    text = json.dumps(message)
    if "'" in text or "$" in text:
        raise ValueError(f"{text} holds a quote or a dollar sign, which nginx would read itself")
    return text
