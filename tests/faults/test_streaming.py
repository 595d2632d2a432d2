"""Much data through the gateway, to and from a real Jupyter, without Carrel holding it in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any

import psutil
import pytest

from tests.faults.conftest import Prepared
from tests.faults.people import Person, Visit
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

MEGABYTE = 1024 * 1024
PIECE = 3 * MEGABYTE
"""A multiple of three, so that pieces encoded in base64 can be put together as they are."""
PIECES = 34
GROWTH_LIMIT = 60 * MEGABYTE
SAMPLE_SECONDS = 0.02
TERMINAL_SECONDS = 20.0


class Growth:
    """How much more memory a process takes at its worst than at the beginning."""

    def __init__(self, pid: int | None) -> None:
        self._process = psutil.Process(pid)
        self._before = self._peak = self._process.memory_info().rss
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Growth:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def bytes(self) -> int:
        """So far."""
        return self._peak - self._before

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, self._process.memory_info().rss)


def pieces() -> Iterator[bytes]:
    """A hundred megabytes, no piece of which is like another."""
    for number in range(PIECES):
        yield number.to_bytes(8, "big") + bytes(PIECE - 8)


def digest(data: Iterator[bytes]) -> str:
    """What tells whether it arrived."""
    return hashlib.sha256(b"".join(data)).hexdigest()


def upload_in_one(visit: Visit, path: str) -> None:
    """One request whose body is sent in chunks and has no length."""

    def body() -> Iterator[bytes]:
        yield b'{"type": "file", "format": "base64", "content": "'
        for piece in pieces():
            yield base64.b64encode(piece)
        yield b'"}'

    visit.ask("PUT", path, content=body(), headers={"Content-Type": "application/json"}).raise_for_status()


def upload_in_pieces(visit: Visit, path: str) -> None:
    """As JupyterLab does: one request after another, the last with the number -1."""
    for number, piece in enumerate(pieces(), start=1):
        model = {
            "type": "file",
            "format": "base64",
            "content": base64.b64encode(piece).decode(),
            "chunk": -1 if number == PIECES else number,
        }
        visit.ask("PUT", path, json=model).raise_for_status()


@pytest.fixture(scope="module")
def visit(stack: Stack, prepared: Prepared, token_of: Callable[[str], str]) -> Iterator[Visit]:
    """A program in a server of its own person."""
    with closing(Person(stack, "student", token_of("student"))) as person:
        yield person.visit(person.launch_and_wait(prepared.url))


@pytest.mark.parametrize("upload", [upload_in_one, upload_in_pieces])
def test_carries_a_large_file_without_holding_it(
    upload: Callable[[Visit, str], None], visit: Visit, stack: Stack
) -> None:
    name = f"{upload.__name__}.bin"
    with Growth(stack.child_pid("web")) as growth:
        upload(visit, f"/api/contents/{name}")
        with visit.http.stream("GET", f"/files/{name}") as answer:
            downloaded = digest(answer.iter_bytes())

    assert downloaded == digest(pieces())
    assert growth.bytes < GROWTH_LIMIT


def test_carries_a_terminal(visit: Visit) -> None:
    terminal: dict[str, Any] = visit.ask("POST", "/api/terminals").raise_for_status().json()

    with visit.socket(f"/terminals/websocket/{terminal['name']}") as connection:
        connection.send(json.dumps(["stdin", "echo $((6 * 7))-is-the-answer\r"]))
        shown = ""
        while "42-is-the-answer" not in shown:
            kind, *data = json.loads(connection.recv(timeout=TERMINAL_SECONDS))
            shown += data[0] if kind == "stdout" else ""
