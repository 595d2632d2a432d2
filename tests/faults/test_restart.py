"""Carrel is stopped and started again, and nobody's work has noticed."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Prepared
from tests.faults.people import Person
from tests.faults.traces import notebook_servers
from tests.notebook_client import NotebookClient
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def test_keeps_servers_and_what_their_kernels_remember(student: Person, stack: Stack, prepared: Prepared) -> None:
    server = student.launch_and_wait(prepared.url)
    before = notebook_servers(stack, server["id"])
    with NotebookClient(server["url"], student.token) as notebook:
        notebook.execute("answer = 6 * 7")
        kernel_id = notebook.kernel_id

    stack.stop()
    stack.start()

    assert student.read(server)["state"] == "running"
    assert notebook_servers(stack, server["id"]) == before
    with NotebookClient(server["url"], student.token, kernel_id=kernel_id) as notebook:
        assert notebook.execute("print(answer)") == "42\n"
