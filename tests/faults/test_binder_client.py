"""Binder's own client under Node, and the Jupyter client behind Thebe: what they make of Carrel, unchanged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.faults.conftest import Prepared
from tests.faults.people import Person
from tests.stack import Stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on this machine"),
]

SCRIPT = Path(__file__).with_name("binder_client.mjs")
PACKAGES = {"@jupyterhub/binderhub-client": "0.5.0", "@jupyterlab/services": "7.6.6"}


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node finds the clients."""
    folder = tmp_path_factory.mktemp("binder-client")
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    shutil.copy(SCRIPT, folder)
    return folder


def run_client(node_modules: Path, stack: Stack, token: str, spec: str) -> tuple[list[dict[str, str]], str]:
    """The events the client met, and what its cell printed."""
    asked = {"BUILD_URL": f"{stack.base_url}/build", "SPEC": spec, "TOKEN": token, "CODE": "print(6 * 7)"}
    done = subprocess.run(
        ["node", SCRIPT.name], cwd=node_modules, env=os.environ | asked, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer["events"], answer["printed"]


def test_client_launches_and_runs_a_cell(node_modules: Path, stack: Stack, student: Person, prepared: Prepared) -> None:
    events, printed = run_client(node_modules, stack, student.token, f"git/{quote(prepared.url, safe='')}/HEAD")
    server = student.launch(prepared.url)  # The same one, so that it is removed after the test.

    assert [event["phase"] for event in events][-1] == "ready", events
    assert (events[-1]["url"], printed) == (f"{server['url']}/", "42\n")


def test_client_is_told_what_is_wrong(node_modules: Path, stack: Stack, student: Person, prepared: Prepared) -> None:
    spec = f"git/{quote(prepared.url, safe='')}/no-such-branch"

    events, _printed = run_client(node_modules, stack, student.token, spec)

    assert (events[-1]["phase"], events[-1]["code"]) == ("failed", "ref_unknown")
