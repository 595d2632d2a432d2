"""What the repositories of these tests hold: as little as shows the fault."""

from __future__ import annotations

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
