"""A second address of the machine's own engine, which can go away and come back without the engine noticing.

    with EngineProxy(ENGINE_SOCKET) as engine:
        settings.DOCKER_HOST = engine.address
        engine.cut()       # every connection ends, and none is accepted
        engine.restored()  # as before

It carries bytes and knows nothing of what they mean, so attached containers, streams and builds pass too.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_PIECE = 1 << 16


class EngineProxy:
    """Carries bytes between its own unix socket and the one at `target`; use it as a context manager."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._folder = tempfile.TemporaryDirectory(prefix="engine-proxy-")
        self._path = Path(self._folder.name) / "engine.sock"
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._accepting = threading.Thread()
        self._flowing = threading.Event()

    def __enter__(self) -> EngineProxy:
        self.restored()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """As `DOCKER_HOST` wants it."""
        return f"unix://{self._path}"

    def close(self) -> None:
        """Cut, for good."""
        self.cut()
        self._folder.cleanup()

    def cut(self) -> None:
        """End every connection in the middle of whatever it carries, and refuse new ones."""
        with self._lock:
            ends, self._ends = self._ends, set()
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            self._accepting.join()
            listener.close()
        for end in ends:  # Whoever carries closes them: a descriptor in use is given to others once it is closed.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._flowing.set()

    def hang(self) -> None:
        """Go on accepting connections, and carry nothing on any of them."""
        self._flowing.clear()

    def restored(self) -> None:
        """Carry on: what was held back by `hang` arrives now, and after `cut` connections are accepted again."""
        self._flowing.set()
        with self._lock:
            if self._listener is not None:
                return
            self._path.unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._path))
            self._listener.listen(socket.SOMAXCONN)
            self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
            self._accepting.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _address = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                with self._lock:
                    is_over = self._listener is not listener
                    if not is_over:
                        self._ends |= {near, far}
                if is_over:
                    near.close()
                    far.close()
                    return
                threading.Thread(target=self._join, args=(near, far), daemon=True).start()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        """Carry both ways until both sides have said that they are done."""
        back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
        back.start()
        self._carry(near, far)
        back.join()
        with self._lock:
            self._ends -= {near, far}
        near.close()
        far.close()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_PIECE):
                self._flowing.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
