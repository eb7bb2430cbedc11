"""What is sent with the page's files: types, caching, and what a browser may do with them."""

import pytest
import requests

from front.page import MEDIA_TYPES
from serving.settings import PROJECT

WEB = PROJECT / "web"
NOT_SERVED = ["page/", "page/nothing.js", "page/../headers.json", "page/%2e%2e/headers.json", "headers.json"]
FILES = sorted(path.relative_to(WEB).as_posix() for path in (WEB / "page").rglob("*") if path.is_file())


@pytest.mark.parametrize("file", ["", *FILES])
def test_a_file_has_its_type_and_the_policy_and_is_revalidated(url, file):
    answer = requests.get(f"{url}/{file}", headers={"Accept": "text/html"}, timeout=30)  # as a browser asks
    assert answer.content == (WEB / (file or "index.html")).read_bytes()
    assert answer.headers["Content-Type"] == MEDIA_TYPES[f".{(file or 'index.html').rpartition('.')[2]}"]
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"
    again = requests.get(
        f"{url}/{file}", headers={"Accept": "text/html", "If-None-Match": answer.headers["ETag"]}, timeout=30
    )
    assert again.status_code == 304
    assert again.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", NOT_SERVED)
def test_nothing_else_of_the_tree_is_served(url, path):
    request = requests.Request("GET", f"{url}/x").prepare()
    request.url = f"{url}/{path}"  # as it stands: a client would resolve the dots
    assert requests.Session().send(request, timeout=30).status_code in (400, 404, 405)


def test_the_page_names_no_other_host():
    for file in ["index.html", *FILES]:
        if file.endswith((".html", ".css", ".js")):
            text = (WEB / file).read_text().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text, file
            assert "https://" not in text, file
