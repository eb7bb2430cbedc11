"""What the Dockerfile does, proved without a container engine: its steps in a bare Debian, then its command.

    python tests/fresh/image.py [DOCKERFILE]     root, mmdebstrap; 3 GB of disk

Each stage is a chroot that mmdebstrap makes. The last one is served from as a container would be: as its user, without
capabilities, on a read-only root, with its volume alone to write to, in a network of its own. It prints megabytes
and seconds.
"""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

PROJECT = Path(__file__).resolve().parents[2]
ENTER = PROJECT / "tests" / "fresh" / "enter.sh"
SERVED = PROJECT / "tests" / "fresh" / "served.sh"
OWN_NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
NOTED = {
    "ENTRYPOINT",
    "CMD",
    "USER",
    "VOLUME",
    "HEALTHCHECK",
    "STOPSIGNAL",
    "EXPOSE",
}  # of the image; nothing to do for


@dataclass
class Stage:
    """A file system in the making, and what its instructions have set."""

    root: Path
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)


class DockerfileError(Exception):
    """An instruction that is not understood here, or that would fail in a container engine."""


def build(dockerfile: Path, scratch: Path) -> Stage:
    """Follow every instruction; return the last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, value in instructions(dockerfile):
        print(f"{instruction} {value[:100]}", flush=True)
        if instruction == "FROM":
            image, _, name = value.partition(" AS ")
            stage = stages[name or image] = Stage(bare_debian(image, scratch / f"stage-{len(stages)}"))
        elif stage is None:
            raise DockerfileError(f"{instruction} before the first FROM")
        else:
            follow(stage, instruction, value, stages)
    if stage is None:
        raise DockerfileError(f"{dockerfile} has no FROM")
    return stage


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    for step in DockerfileParser(fileobj=io.BytesIO(dockerfile.read_bytes())).structure:
        if step["instruction"] != "COMMENT":
            yield step["instruction"], step["value"]


def follow(stage: Stage, instruction: str, value: str, stages: dict[str, Stage]) -> None:
    if instruction == "RUN":
        run_in(stage, value)
    elif instruction == "COPY":
        copy(stage, shlex.split(value), stages)
    elif instruction == "WORKDIR":
        stage.folder = value
        (stage.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif instruction in ("ENV", "ARG"):
        stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(value))
    elif instruction in NOTED:
        stage.noted[instruction] = value
    else:
        raise DockerfileError(f"{instruction} is not understood; expected one that {Path(__file__).name} follows")


def bare_debian(image: str, root: Path) -> Path:
    """What `debian:SUITE-slim` is: a Debian of essential packages; and certificates: enter.sh mounts the caller's."""
    suite = image.removeprefix("debian:").removesuffix("-slim")
    options = [
        "--quiet",
        "--variant=minbase",
        "--include=ca-certificates",
        '--aptopt=Acquire::Check-Valid-Until "false"',
    ]
    command = ["mmdebstrap", *options, suite, root]
    subprocess.run(command, check=True)
    return root


def run_in(stage: Stage, command: str) -> None:
    settings = [f"{name}={value}" for name, value in stage.environment.items()]
    shell = ["env", "-C", stage.folder, *settings, "DEBIAN_FRONTEND=noninteractive", "sh", "-ec", command]
    subprocess.run([*OWN_NAMESPACES, ENTER, stage.root, *shell], check=True)


def copy(stage: Stage, words: list[str], stages: dict[str, Stage]) -> None:
    source_stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
    *sources, target = words
    place = stage.root / os.path.normpath(os.path.join(stage.folder, target)).lstrip("/")  # noqa: PTH118
    for source in sources:
        if source_stage:
            subprocess.run(["cp", "-a", f"{stages[source_stage].root}{source}/.", place], check=True)
        else:
            copy_tracked(source, place / Path(source).name if target == "./" else place)


def copy_tracked(source: str, target: Path) -> None:
    """Copy what git tracks, as a clean checkout has it, if .dockerignore lets it into the context."""
    if f"!{source}" not in (PROJECT / ".dockerignore").read_text().splitlines():
        raise DockerfileError(f"COPY {source}: .dockerignore leaves it out; add the line !{source}")
    listed = subprocess.run(["git", "ls-files", "-z", source], cwd=PROJECT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name]
    if not names:
        raise DockerfileError(f"COPY {source}: git tracks no such file")
    for name in names:
        place = target if name == source else target / Path(name).relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, place)


def serve(stage: Stage) -> None:
    """Run ENTRYPOINT and CMD as a container engine would, until an image has been answered; then stop it."""
    command = json.loads(stage.noted["ENTRYPOINT"]) + json.loads(stage.noted["CMD"])
    health = json.loads(stage.noted["HEALTHCHECK"].partition("CMD ")[2])
    environment = [f"{name}={value}" for name, value in stage.environment.items()]
    inside = ["env", "-i", "-C", stage.folder, "PATH=/usr/local/bin:/usr/bin:/bin", *environment]
    words = [stage.root, stage.noted["USER"], stage.noted["VOLUME"], shlex.join([*inside, *command])]
    subprocess.run([*OWN_NAMESPACES, "--net", SERVED, *words, shlex.join([*inside, *health])], check=True)


def main() -> None:
    dockerfile = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "deploy" / "container" / "Dockerfile"
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        sys.exit("this needs root, for chroot and mounts, and mmdebstrap: apt-get install mmdebstrap")
    scratch = Path(tempfile.mkdtemp(prefix="image-"))
    try:
        serve(build(dockerfile, scratch))
    except DockerfileError as fault:
        sys.exit(f"error: {fault}")
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=True)


if __name__ == "__main__":
    main()
