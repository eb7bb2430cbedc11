"""A real Chromium, as the tests of the page and its pictures use it."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def chromium_path() -> str | None:
    """The distribution's browser, None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """The browser at `path`, without a window; as root it refuses to run in its sandbox."""
    arguments = [*FAKE_CAMERA, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


def choose(page: Page, *paths: Path) -> None:
    """Choose files by the page's button."""
    page.locator("#files").set_input_files(list(paths))


def wait_for(page: Page, expression: str, *, timeout_s: float = 20.0) -> None:
    """Wait for an expression to be true. Playwright's own `wait_for_function` evaluates in the page, whose policy
    forbids that."""
    deadline_s = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"{expression} did not come true"
        page.wait_for_timeout(50)
