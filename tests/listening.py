"""Servers of a few lines, in threads of the tests' own process, that leave nothing behind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering(server: socket.socket, answer: Callable[[socket.socket], object]) -> Iterator[None]:
    """Whoever connects to this listening socket is answered in a thread of their own, for as long as this lasts.

    Its thread has ended before the socket can be closed. One that was just about to accept would otherwise do so from
    whatever is given the same descriptor next, which may be the server of another test.
    """

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _address = server.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        accepting.join()
