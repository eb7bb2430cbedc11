"""The HTTP interface as OpenAPI 3.1, served at `/openapi.json`, and as a page for people at `/docs`.

One source: the modules here build the document; error types come from `handler/errors.py`.
"""

from front.openapi.serving import routes

__all__ = ["routes"]
