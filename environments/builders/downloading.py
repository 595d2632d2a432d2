"""A download that leaves its caller free to do other things while nothing comes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event

from environments.references.http import Answer, download

_SIGN_OF_LIFE_SECONDS = 0.5
_PIECES_AHEAD = 16


def download_beside(url: str, take: Callable[[bytes], None]) -> Generator[str, None, Answer]:
    """Download, handing what comes to `take` between signs of life. Returns the answer, whose body is empty.

    `take` is called by whoever runs this, so nothing happens any more once it is closed; the host is left a
    little later. Raises what `download` and `take` raise.
    """
    pieces: Queue[bytes | None] = Queue(_PIECES_AHEAD)
    is_closed = Event()

    def receive(piece: bytes | None) -> None:
        while not is_closed.is_set():
            with suppress(Full):
                return pieces.put(piece, timeout=_SIGN_OF_LIFE_SECONDS)
        raise _Closed

    def work() -> Answer:
        try:
            return download(url, receive)
        finally:
            with suppress(_Closed):
                receive(None)

    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="download")
    try:
        downloading = executor.submit(work)
        while (piece := _next_of(pieces)) is not None:
            if piece:
                take(piece)
            yield ""
        return downloading.result()
    finally:
        is_closed.set()
        executor.shutdown(wait=False)


class _Closed(Exception):
    """Nobody wants the rest."""


def _next_of(pieces: Queue[bytes | None]) -> bytes | None:
    try:
        return pieces.get(timeout=_SIGN_OF_LIFE_SECONDS)
    except Empty:
        return b""
