"""The front over HTTP: a Starlette app of the routes of the modules listed here, first match first."""

from types import ModuleType

from starlette.applications import Starlette

from front import health
from front.service import Service

MODULES: list[ModuleType] = [health]  # each has `routes`


def make_app(service: Service) -> Starlette:
    """Return the app; an endpoint finds the service in `request.app.state.service`."""
    app = Starlette(routes=[route for module in MODULES for route in module.routes])
    app.state.service = service
    return app
