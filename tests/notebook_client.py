"""Works in a notebook server as a program would: through its own origin, with a bearer token."""

from __future__ import annotations

import json
import socket
import uuid
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect


class NotebookClient:
    """Runs code in a new kernel of one server, or in one that is there; use it as a context manager.

    Connects to 127.0.0.1 whatever the origin's name is: not every resolver knows `*.localhost`. The origin may have
    a path, where servers have no origin of their own.
    """

    def __init__(self, origin: str, token: str, *, kernel_id: str = "") -> None:
        self.kernel_id = kernel_id
        self._host = urlsplit(origin).netloc
        self._port = urlsplit(origin).port or 80
        self._base = urlsplit(origin).path
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}{self._base}",
            headers=self._headers | {"Host": self._host},
            timeout=60,
            trust_env=False,
        )
        self._socket: ClientConnection | None = None

    def __enter__(self) -> NotebookClient:
        if not self.kernel_id:
            kernel = self.request("POST", "/api/kernels", json={"name": "python3"}).raise_for_status().json()
            self.kernel_id = kernel["id"]
        self._socket = self.socket(f"/api/kernels/{self.kernel_id}/channels")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request of Jupyter's REST API."""
        return self._http.request(method, path, **options)

    def socket(self, path: str) -> ClientConnection:
        """A websocket to the server."""
        return connect(
            f"ws://{self._host}{self._base}{path}",
            sock=socket.create_connection(("127.0.0.1", self._port), timeout=10),
            additional_headers=self._headers,
            max_size=None,
            proxy=None,
            open_timeout=60,  # It opens once the kernel is there.
        )

    def execute(self, code: str, *, timeout: float = 60) -> str:
        """Run a cell and return what it printed, or its error's name and message."""
        assert self._socket is not None
        message_id = uuid.uuid4().hex
        self._socket.send(json.dumps(_execute_request(message_id, code)))
        printed: list[str] = []
        while True:
            message = json.loads(self._socket.recv(timeout=timeout))
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] == "error":
                printed.append(f"{content['ename']}: {content['evalue']}")
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(printed)


def _execute_request(message_id: str, code: str) -> dict[str, Any]:
    return {
        "channel": "shell",
        "header": {
            "msg_id": message_id,
            "msg_type": "execute_request",
            "username": "",
            "session": uuid.uuid4().hex,
            "date": "",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False},
    }
