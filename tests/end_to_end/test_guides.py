"""The commands of README and guides, run in order, as printed, in a clean copy of the tree, on ports of its own."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.listeners import free_ports
from serving.settings import PROJECT
from tests.documents.markdown import GUIDES, name_of
from tests.documents.runner import Step, run, steps_of

# In the order in which a newcomer reads them: a later page goes on where an earlier one has ended.
PAGES = [
    PROJECT / "docs" / "guides" / "start.md",
    PROJECT / "README.md",
    PROJECT / "docs" / "guides" / "explain.md",
    PROJECT / "docs" / "guides" / "watch.md",
    PROJECT / "docs" / "guides" / "gateway.md",
    PROJECT / "docs" / "guides" / "train-on-your-own-images.md",
    PROJECT / "docs" / "guides" / "roll-out.md",
    PROJECT / "docs" / "guides" / "operate.md",
]
PORTS = {"8080": "inference_address=http://127.0.0.1:{}", "7070": "grpc_inference_port={}",
         "7071": "grpc_management_port={}", "8082": "metrics_address=http://127.0.0.1:{}",
         "8000": "front_address=http://127.0.0.1:{}", "8001": "front_grpc_port={}",
         "5000": "gateway_address=127.0.0.1:{}"}  # fmt: skip
PAGE_TIMEOUT_S = 600
FAILED_PAGES: list[str] = []
CIFAR10 = PROJECT / "data"
CLASSES = {"cat": (200, 120, 60), "dog": (60, 120, 200)}


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    """The port that stands in for each one that the documents name."""
    return dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))


@pytest.fixture(scope="module")
def clean_copy(ports: dict[str, str]) -> Iterator[Path]:
    """The tree as a fresh clone has it, with this environment as its own, a folder of images, and free ports."""
    folder = Path(tempfile.mkdtemp(prefix="guides-"))  # a short path: a socket's may have 103 bytes
    copy_tracked_files(folder)
    lend_environments(folder)
    draw_images(folder / "my-images")
    if CIFAR10.is_dir():
        (folder / "data").symlink_to(CIFAR10)
    config = folder / "config.properties"
    config.write_text(with_ports(config.read_text(), ports))
    # A busy machine would leave no time for explanations of the lowest priority.
    (folder / "config.local.properties").write_text("explanation_priority=normal\n")
    yield folder
    subprocess.run([sys.executable, "serve.py", "stop"], cwd=folder, check=False, capture_output=True, timeout=120)
    shutil.rmtree(folder)


def copy_tracked_files(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)


def lend_environments(folder: Path) -> None:
    """Let `make` find environments that are complete; `make fresh` proves that they can be installed."""
    for name in (".venv", ".venv-dev"):
        lent = PROJECT / name if (PROJECT / name / "bin").is_dir() else Path(sys.prefix)
        (folder / name).mkdir()
        for path in lent.iterdir():
            if path.is_dir() or path.name == "pyvenv.cfg":
                (folder / name / path.name).symlink_to(path)
        (folder / name / "installed").write_text(f"{folder.resolve()}\n")  # as the Makefile marks it
    for stubs in PROJECT.glob("*/_stubs/*_pb2*.py"):  # generated where pixserve is installed
        shutil.copy2(stubs, folder / stubs.relative_to(PROJECT))


def draw_images(root: Path) -> None:
    """A folder of one's own images: two classes, told apart by their colour."""
    noise = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 10)):
        for name, colour in CLASSES.items():
            (root / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = np.array(colour) + noise.integers(-50, 50, (48, 64, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(root / part / name / f"{index}.jpg")


def with_ports(text: str, ports: dict[str, str]) -> str:
    return re.sub(r"\b(" + "|".join(ports) + r")\b", lambda match: ports[match[0]], text)


def test_the_shipped_settings_have_the_ports_that_the_documents_name(ports):
    config = (PROJECT / "config.properties").read_text()
    assert all(line.format(port) in config for port, line in PORTS.items())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_guide_print_what_it_shows(page, clean_copy, ports):
    steps = [
        Step(
            with_ports(step.command, ports), tuple(with_ports(line, ports) for line in step.expected), step.line_number
        )
        for step in steps_of(page.read_text())
    ]
    assert steps
    if failed := FAILED_PAGES:
        pytest.fail(f"goes on where {failed[0]} should have ended, which failed")
    if any("data/test" in step.command for step in steps) and not CIFAR10.is_dir():
        pytest.skip("CIFAR-10 is not in data/; docs/guides/start.md says where it comes from")
    if page.name == "gateway.md" and not (shutil.which("nginx") and shutil.which("openssl")):
        pytest.skip("the gateway is nginx, with openssl; `apt-get install nginx-light openssl` brings both")
    FAILED_PAGES.append(name_of(page))
    run(steps, folder=clean_copy, environment={"PYTHONPATH": str(clean_copy)}, timeout_s=PAGE_TIMEOUT_S)
    FAILED_PAGES.remove(name_of(page))


def test_each_guide_with_commands_to_run_is_run():
    assert {page for page in GUIDES if steps_of(page.read_text())} == set(PAGES)
