"""A git host of this machine: real repositories over real smart HTTP, with the faults real hosts have.

    with GitHost() as host:
        commit = host.add("statistics", {"requirements.txt": "numpy\n"})
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.url("statistics")  # http://127.0.0.1:40123/statistics.git

Commits are deterministic: the same files in the same order give the same commits. Beside repositories it
gives canned answers (`answer`), so that it can stand in for a host's API too.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tempfile
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

AUTHOR = "Ada Lovelace <ada@example.org> 1700000000 +0000"
_GIT_PATH = re.compile(r"/(?P<name>.+?)(?:\.git)?/(?:info/refs|HEAD|objects/.+|git-upload-pack|git-receive-pack)")
_GIT_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What the host says to any request for a path, instead of what is there."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class GitHost:
    """Serves its repositories from `start` to `stop`, at one address of this machine; use it as a context manager."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.requests: Counter[str] = Counter()
        """How often each path was asked for, without its query."""
        self.seen: list[tuple[str, dict[str, str]]] = []
        """Every request's path with its query, and its headers in lower case."""
        self._directory = Path(tempfile.mkdtemp(prefix="git-host-"))
        self._answers: dict[str, Answer] = {}
        self._private: dict[str, str] = {}
        self._moved: dict[str, str] = {}
        self._hanging: set[tuple[str, str]] = set()
        self._stopping = threading.Event()
        self._server = _Server(self, address)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> GitHost:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of whoever hangs, stop answering and remove the repositories."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)
        shutil.rmtree(self._directory, ignore_errors=True)

    # --- What is there -------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """`host:port`, as `REPOSITORY_ALLOWED_HOSTS` wants it."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def base_url(self) -> str:
        """The root of everything here, without a slash at its end."""
        return f"http://{self.address}"

    def url(self, name: str) -> str:
        """The address to clone the repository from."""
        return f"{self.base_url}/{name}.git"

    def directory(self, name: str) -> Path:
        """Where the repository lies, for tests that want it on disk."""
        return self._directory / f"{name}.git"

    def add(self, name: str, files: Mapping[str, str | bytes], branch: str = "main") -> str:
        """A new public repository with one commit on `branch`, which HEAD names. Returns the commit."""
        directory = self.directory(name)
        _git("init", "--quiet", "--bare", f"--initial-branch={branch}", str(directory))
        for option in ("uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"):
            _git("-C", str(directory), "config", option, "true")
        return self.commit(name, files, branch=branch)

    def commit(self, name: str, files: Mapping[str, str | bytes], branch: str = "main") -> str:
        """One more commit on `branch` that adds or replaces `files`. Returns the commit.

        A file that begins with `#!` is executable. A branch that is new starts from nothing.
        """
        directory = self.directory(name)
        _git("-C", str(directory), "fast-import", "--quiet", stdin=_commit_stream(directory, files, branch))
        return _git("-C", str(directory), "rev-parse", f"refs/heads/{branch}")

    def link(self, name: str, path: str, target: str, branch: str = "main") -> str:
        """One more commit on `branch` that adds a symbolic link. Returns the commit."""
        return self._add(name, b"M 120000 inline %s\n" % path.encode() + _data(target.encode()), branch)

    def link_submodule(self, name: str, path: str, commit: str, branch: str = "main") -> str:
        """One more commit on `branch` that links to a commit of another repository. Returns the commit."""
        return self._add(name, f"M 160000 {commit} {path}\n".encode(), branch)

    def _add(self, name: str, change: bytes, branch: str) -> str:
        directory = self.directory(name)
        stream = _commit_stream(directory, {}, branch).removesuffix(b"\n") + change
        _git("-C", str(directory), "fast-import", "--quiet", stdin=stream)
        return _git("-C", str(directory), "rev-parse", f"refs/heads/{branch}")

    def tag(self, name: str, tag: str, *, annotated: bool = False, target: str = "HEAD") -> None:
        """Tag `target`; an annotated tag is an object of its own that has to be peeled."""
        options = ["--annotate", "--message", tag] if annotated else []
        _git("-C", str(self.directory(name)), "tag", *options, tag, target)

    # --- What goes wrong -----------------------------------------------------------------------------------

    def make_private(self, name: str, *, username: str = "", password: str = "") -> None:
        """Ask for credentials (401) from now on, and let in who shows these; nobody if none are given."""
        encoded = b64encode(f"{username}:{password}".encode()).decode()
        self._private[name] = f"Basic {encoded}" if password else ""

    def redirect(self, name: str, url: str) -> None:
        """Answer 301 to the same path below `url`, the new address of the repository."""
        self._moved[name] = url.rstrip("/")

    def hang(self, name: str, *, method: str = "") -> None:
        """Accept requests (of this method only, if one is given) and never answer them."""
        self._hanging.add((name, method))

    def answer(
        self, path: str, *, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer every request for exactly this path (percent-encoding as sent, no query) with this."""
        self._answers[path] = Answer(status, body, headers or {})

    # --- Answering -----------------------------------------------------------------------------------------

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """The answer to one request, or None to hang up without one."""
        url = urlsplit(target)
        self.requests[url.path] += 1
        self.seen.append((target, {name.lower(): value for name, value in headers.items()}))
        if url.path in self._answers:
            return self._answers[url.path]
        match = _GIT_PATH.fullmatch(unquote(url.path))
        if match is None:
            return Answer(404)
        name = match["name"]
        if self._hanging & {(name, ""), (name, method)}:
            self._stopping.wait()
            return None
        if name in self._private and headers.get("Authorization") != (self._private[name] or "nothing"):
            return Answer(401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        if name in self._moved:
            rest = url.path.split(".git/" if f"{name}.git/" in url.path else f"{name}/", 1)[1]
            return Answer(301, headers={"Location": f"{self._moved[name]}/{rest}?{url.query}"})
        return self._backend(method, unquote(url.path), url.query, headers, body)

    def _backend(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Ask git's own CGI program."""
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        environment = _ENVIRONMENT | {
            "GIT_PROJECT_ROOT": str(self._directory),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, timeout=_GIT_TIMEOUT_SECONDS
        )
        head, _, payload = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
        status = int(fields.pop("Status", "200").split()[0])
        return Answer(status, payload, fields)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: GitHost, address: str) -> None:
        self.host = host
        super().__init__((address, 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _GIT_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        assert isinstance(self.server, _Server)
        body = self._read_body()
        headers = dict(self.headers.items())
        answer = self.server.host.respond(self.command, self.path, headers, body)
        self.close_connection = True
        if answer is None:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
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
        """Say nothing: `GitHost.requests` remembers."""


_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_COMMITTER_NAME": "Ada Lovelace",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


def _git(*arguments: str, stdin: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments], input=stdin, env=_ENVIRONMENT, capture_output=True, timeout=_GIT_TIMEOUT_SECONDS
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return done.stdout.decode().strip()


def _commit_stream(directory: Path, files: Mapping[str, str | bytes], branch: str) -> bytes:
    """One commit in the language of `git fast-import`."""
    parts = [f"commit refs/heads/{branch}\ncommitter {AUTHOR}\n".encode(), _data(b"Change files\n")]
    if _git("-C", str(directory), "for-each-ref", f"refs/heads/{branch}"):
        parts.append(f"from refs/heads/{branch}^0\n".encode())
    for path, content in files.items():
        raw = content.encode() if isinstance(content, str) else content
        mode = "100755" if raw.startswith(b"#!") else "100644"
        parts += [f"M {mode} inline {path}\n".encode(), _data(raw)]
    return b"".join(parts) + b"\n"


def _data(raw: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(raw), raw)
