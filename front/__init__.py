"""The front: one asynchronous process beside TorchServe that speaks what TorchServe does not. `python -m front`.

HTTP (Starlette on uvicorn) and gRPC share one event loop. Inference stays on TorchServe's batching path: the front asks
TorchServe over HTTP. The launcher starts, watches, drains and stops it (`serving/front.py`). It imports `pixserve` and
never torch, so it runs where the server runs.

To add a part that speaks HTTP, write a module here with `routes: list[starlette.routing.BaseRoute]` and name it in
`front/app.py`. An endpoint finds what it needs in `request.app.state.service`, a `front.service.Service`: settings, the
upstream client to TorchServe, and what is known of TorchServe's state.
"""
