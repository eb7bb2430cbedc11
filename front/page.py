"""The web page: the static files of `web/`, `index.html` at `/` and the rest below `/page/`.

A browser asks again at each visit whether a file has changed (`no-cache`, answered 304 by its ETag): the files have no
versions in their names, and the page of one release must never run scripts of another. The headers stand in
`web/headers.json`, since the gateway sends the same.
"""

import json
import os
from pathlib import Path, PurePath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

WEB = Path(__file__).resolve().parent.parent / "web"
HEADERS: dict[str, str] = json.loads((WEB / "headers.json").read_text())
# Not left to mimetypes, which reads the machine's tables: a browser runs no script and takes no style of another type.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


class PageFiles(StaticFiles):
    """Files of `web/` with their media types and the page's headers."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, or 304 where the browser has it; raises KeyError for a kind of file that the page has no use for."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["content-type"] = MEDIA_TYPES[PurePath(full_path).suffix]
        response.headers.update(HEADERS)
        return response


_files = PageFiles(directory=WEB)


async def index(request: Request) -> Response:
    """The page itself."""
    return await _files.get_response("index.html", request.scope)


routes: list[BaseRoute] = [Route("/", index), Mount("/page", PageFiles(directory=WEB / "page"))]
