"""The Makefile offers what the README promises."""

import re

from serving.settings import PROJECT


def test_each_make_target_of_the_readme_exists():
    readme, makefile = (PROJECT / "README.md").read_text(), (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z-]+)", readme))
    assert {"serve", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
