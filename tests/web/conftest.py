"""The page in a real Chromium, served by the real front beside a real TorchServe with two versions."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

import archive
from serving.server import Server
from serving.settings import PROJECT, Settings
from tests.web.browser import DESK, chromium, chromium_path

VERSIONS = ("1.0", "3.0")

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed after the tests of this folder: Playwright leaves an event loop running as long as it is open."""
    path = chromium_path()
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with chromium(path) as browser:
        yield browser


@pytest.fixture(scope="package")
def url(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is; not started where there is no browser."""
    store = tmp_path_factory.mktemp("store")
    for version in VERSIONS:
        archive.build(PROJECT / "model" / f"cifar10-{version}.json", store=store)
    runtime_dir = Path(tempfile.mkdtemp(prefix="serving-"))
    with Server(Settings.isolated(runtime_dir, store, {"default_workers_per_model": "1"})) as server:
        server.wait_until_ready()
        assert server.settings.front is not None
        yield server.settings.front
    shutil.rmtree(runtime_dir)


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[OpenPage]:
    """Opens the page, once it has asked the server what there is. Whatever a test does, no script fails, the content
    security policy is not broken, and nothing is asked of another host."""
    contexts, faults = [], []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:  # a refusal, as the test wants it
            faults.append(message.text)

    def asked(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and f"{parts.scheme}://{parts.netloc}" != url:
            faults.append(f"{request.url} was asked for")

    def open_(
        path: str = "/",
        prepare: Callable[[Page], None] | None = None,
        wait_for: str = "body[data-ready]",
        **options: Any,
    ) -> Page:
        context = browser.new_context(**(DESK | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", heard)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", asked)
        if prepare:
            prepare(page)
        page.goto(url + path)
        page.wait_for_selector(wait_for)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def no_image(tmp_path: Path) -> Path:
    path = tmp_path / "b.txt"
    path.write_text("no image")
    return path


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()
