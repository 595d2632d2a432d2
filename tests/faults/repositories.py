"""What the repositories of these tests hold: as little as shows the fault."""

from __future__ import annotations

import secrets

from tests.docker_stack import LET_GO, WAITING
from tests.faults.holds import Hold

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "held"
dynamic = ["version"]
"""


def held_while_resolving(hold: Hold) -> dict[str, str]:
    """One that waits as soon as its packages are looked at, before anything is installed; let go, it fails."""
    return {"pyproject.toml": PROJECT, "backend.py": f"{hold.python()}\nraise SystemExit('nothing to install')\n"}


def held_in_post_build(hold: Hold, *, before: str = "true", meanwhile: str = "true") -> dict[str, str]:
    """One that waits in its postBuild, when everything is installed; let go, it is ready."""
    return {"requirements.txt": "", "postBuild": hold.shell(before=before, meanwhile=meanwhile)}


# --- For the Docker runtime --------------------------------------------------------------------------------

WAIT_IF_HELD = f"""
import os, sys, time
if os.environ["CARREL_SERVER_NAME"].startswith("held"):
    print({WAITING.decode()!r}, file=sys.stderr, flush=True)
    while not os.path.exists({LET_GO!r}):
        time.sleep(0.05)
"""


def dockerfile(*lines: str, **files: str) -> dict[str, str]:
    """One whose Dockerfile adds these lines to an image that has JupyterLab; with these files besides."""
    return {"Dockerfile": "\n".join(["FROM carrel-test/base", *lines, ""]), **files}


def held_by_name() -> dict[str, str]:
    """One whose servers wait while they start if their name begins with `held`, until let go."""
    config = "jupyter_server_config.py"
    return dockerfile(f"COPY --chown=1000 {config} /home/jovyan/.jupyter/", **{config: WAIT_IF_HELD})


def held_first_time(command: str) -> dict[str, str]:
    """One whose build runs this command, which hangs; when it is built again it does not."""
    once = "/tmp/attempts/first"
    return dockerfile(
        f"RUN --mount=type=cache,target=/tmp/attempts,uid=1000 [ -e {once} ] || {{ touch {once}; exec {command}; }}"
    )


def sleeper() -> str:
    """A command that hangs, and can be told from everybody else's."""
    return f"sleep 600.{secrets.randbelow(10**9):09}"
