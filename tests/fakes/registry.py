"""A registry on 127.0.0.1 that speaks the distribution protocol as far as an engine needs to push and pull.

    with FakeRegistry(password="secret") as registry:
        settings.REGISTRY_URL = registry.url
        registry.fail(times=2)
        registry.hang("blobs")

An engine takes one at 127.0.0.1 without encryption. Everything is kept in memory, so push small images.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

USERNAME = "carrel"
_PATH = re.compile(
    r"/v2/(?P<name>[a-z0-9._/-]+?)/(?P<kind>manifests|blobs/uploads|blobs)/(?P<reference>[A-Za-z0-9:._-]*)"
)


@dataclass(frozen=True)
class Answer:
    """One answer: its status, headers and body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeRegistry:
    """Answers from the moment it is entered until it is left. Without a password, everybody is let in.

    With `tokens` it wants a token of its own `/token`, as the large ones do, instead of the password itself.
    """

    def __init__(self, *, password: str = "", tokens: bool = False) -> None:
        self.password = password
        self.tokens = tokens
        self.can_delete = True
        self.requests: list[tuple[str, str]] = []
        """Method and path of every request."""
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        """Media type and content by name and tag or digest."""
        self._issued: set[str] = set()
        self._uploads: dict[str, bytes] = {}
        self._failures: list[int] = []
        self._hanging = ""
        self._is_over = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> FakeRegistry:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def host(self) -> str:
        """What names of images in it begin with."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def url(self) -> str:
        """As `REGISTRY_URL` wants it."""
        return f"http://{self.host}"

    def add(self, name: str, tag: str) -> None:
        """Have a manifest, as if somebody had pushed."""
        self._store_manifest(name, tag, "application/vnd.oci.image.manifest.v1+json", b'{"schemaVersion": 2}')

    def fail(self, *, times: int, status: int = 503) -> None:
        """Answer the next requests with this status; 0 hangs up."""
        self._failures += [status] * times

    def hang(self, kind: str) -> None:
        """Never answer requests for this: `manifests` or `blobs`."""
        self._hanging = f"/{kind}/"

    # --- Answering -----------------------------------------------------------------------------------------

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """The answer to one request, or None to hang up without one."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.requests.append((method, url.path))
        if self._hanging and self._hanging in url.path:
            self._is_over.wait()
            return None
        if self._failures:
            status = self._failures.pop(0)
            return Answer(status) if status else None
        if url.path == "/token":
            return self._token(headers.get("Authorization", ""))
        if not self._lets_in(headers.get("Authorization", "")):
            return Answer(401, headers={"WWW-Authenticate": self._challenge()})
        match = _PATH.fullmatch(url.path)
        if match is None:
            return Answer(200 if url.path == "/v2/" else 404)
        if match["kind"] == "manifests":
            return self._manifest(method, match["name"], match["reference"], headers, body)
        if match["kind"] == "blobs":
            return self._blob(match["reference"])
        return self._upload(method, match["name"], match["reference"], query, body)

    def _lets_in(self, authorization: str) -> bool:
        if not self.password:
            return True
        kind, _space, value = authorization.partition(" ")
        return value in self._issued if self.tokens else kind == "Basic" and value == self._expected()

    def _expected(self) -> str:
        return b64encode(f"{USERNAME}:{self.password}".encode()).decode()

    def _challenge(self) -> str:
        if self.tokens:
            return f'Bearer realm="{self.url}/token",service="registry",scope="repository:x:pull,push"'
        return 'Basic realm="registry"'

    def _token(self, authorization: str) -> Answer:
        if authorization != f"Basic {self._expected()}":
            return Answer(401)
        token = secrets.token_hex(8)
        self._issued.add(token)
        return Answer(200, json.dumps({"token": token}).encode(), {"Content-Type": "application/json"})

    def _manifest(self, method: str, name: str, reference: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method == "PUT":
            digest = self._store_manifest(name, reference, headers.get("Content-Type", ""), body)
            return Answer(201, headers={"Docker-Content-Digest": digest})
        if (name, reference) not in self.manifests:
            return Answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')
        if method == "DELETE":
            return self._delete_manifest(name, reference)
        kind, content = self.manifests[name, reference]
        return Answer(200, content, {"Content-Type": kind, "Docker-Content-Digest": _digest(content)})

    def _store_manifest(self, name: str, reference: str, kind: str, content: bytes) -> str:
        digest = _digest(content)
        self.manifests[name, reference] = self.manifests[name, digest] = (kind, content)
        return digest

    def _delete_manifest(self, name: str, digest: str) -> Answer:
        if not self.can_delete:
            return Answer(405)
        doomed = [key for key, value in self.manifests.items() if key[0] == name and _digest(value[1]) == digest]
        for key in doomed:
            del self.manifests[key]
        return Answer(202)

    def _blob(self, digest: str) -> Answer:
        if digest not in self.blobs:
            return Answer(404, b'{"errors": [{"code": "BLOB_UNKNOWN"}]}')
        return Answer(200, self.blobs[digest], {"Docker-Content-Digest": digest})

    def _upload(self, method: str, name: str, upload: str, query: Mapping[str, str], body: bytes) -> Answer:
        upload = upload or secrets.token_hex(8)
        self._uploads[upload] = self._uploads.get(upload, b"") + body
        if method == "PUT":
            content = self._uploads.pop(upload)
            if _digest(content) != query.get("digest"):
                return Answer(400, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
            self.blobs[query["digest"]] = content
            return Answer(201, headers={"Docker-Content-Digest": query["digest"]})
        length = len(self._uploads[upload])
        location = f"{self.url}/v2/{name}/blobs/uploads/{upload}"
        return Answer(202, headers={"Location": location, "Docker-Upload-UUID": upload, "Range": f"0-{length - 1}"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, registry: FakeRegistry) -> None:
        self.registry = registry
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._respond()

    do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

    def _respond(self) -> None:
        assert isinstance(self.server, _Server)
        body = self._read_body()
        answer = self.server.registry.respond(self.command, self.path, dict(self.headers.items()), body)
        self.close_connection = True
        if answer is None:
            return
        self.send_response(answer.status)
        for name, value in {"Docker-Distribution-Api-Version": "registry/2.0", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `FakeRegistry.requests` remembers."""


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
