"""A private repository, launched by its owner and built for real: whatever is left of it, the token is not in it."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from environments.builders.images import local_image
from environments.builders.repo2docker import Repo2DockerBuilder
from environments.builders.venv import VenvBuilder
from environments.git_credentials import keep_credential
from environments.launching import launch
from environments.models import Build, NotebookServer
from environments.processes import labels_of
from environments.references import parse
from environments.registry import location_of
from environments.servers import carry_out_build
from environments.values import BuildEvent, BuildRequest, LaunchSpec
from tests.contracts.images import share_package_cache
from tests.engine_images import FROM_BASE, own_images
from tests.fakes.git_host import Answer, GitHost

TOKEN = f"token-{secrets.token_hex(16)}"
SPELLINGS = [text.encode() for text in (TOKEN, base64.b64encode(f"ada:{TOKEN}".encode()).decode().rstrip("="))]
SIGN = f"sign-{secrets.token_hex(8)}"
"""Stands in the repository, so that whoever looks in the right place finds this, and not the token."""
TELL_ALL = "env; cat .git/config .git/FETCH_HEAD; tr '\\0' '\\n' < /proc/self/environ"
FILES: Mapping[str, Mapping[str, str]] = {
    "venv": {"requirements.txt": "", "postBuild": f"#!/bin/sh\n{TELL_ALL}\n", "notes.md": SIGN},
    "docker": {
        "Dockerfile": f"{FROM_BASE}COPY --chown=1000 . /tmp/notes\nRUN cd /tmp/notes; {TELL_ALL}\n",
        "notes.md": SIGN,
    },
}

pytestmark = pytest.mark.django_db


class Watch:
    """Which processes of this machine have the token in their environment or arguments, by name."""

    def __init__(self) -> None:
        self.by_environment: set[str] = set()
        self.by_arguments: set[str] = set()

    def forget(self) -> None:
        """Begin anew."""
        self.by_environment.clear()
        self.by_arguments.clear()

    def look(self) -> None:
        """Look once at every process."""
        for process in psutil.process_iter():
            try:
                name, arguments = process.name(), process.cmdline()
            except psutil.Error:
                continue
            if has_token(str(dict(labels_of(process))).encode()):
                self.by_environment.add(name)
            if has_token(" ".join(arguments).encode()):
                self.by_arguments.add(name)


WATCH = Watch()


class WatchedVenvBuilder(VenvBuilder):
    """Looks at all processes whenever something happens."""

    def build(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        yield from watched(super().build(request))


class WatchedRepo2DockerBuilder(Repo2DockerBuilder):
    """Looks at all processes whenever something happens."""

    def build(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        yield from watched(super().build(request))


class WatchedHost(GitHost):
    """Looks at all processes while one waits for the repository."""

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        if method == "POST":
            WATCH.look()
        return super().respond(method, target, headers, body)


def watched(events: Iterable[BuildEvent]) -> Iterator[BuildEvent]:
    for event in events:
        WATCH.look()
        yield event


def has_token(data: bytes) -> bool:
    return any(spelling in data for spelling in SPELLINGS)


@pytest.fixture
def host() -> Iterator[GitHost]:
    """A git host, and a fresh watch."""
    WATCH.forget()
    with WatchedHost() as host:
        yield host


@pytest.fixture
def own(
    host: GitHost, student: User, settings: Settings, now: datetime, caplog: pytest.LogCaptureFixture
) -> Callable[[str], NotebookServer]:
    """Has the student launch a private repository of these files, and everything there is to build of it built."""

    def launched(kind: str) -> NotebookServer:
        caplog.set_level(logging.DEBUG)
        host.add("notes", FILES[kind])
        host.make_private("notes", username="ada", password=TOKEN)
        keep_credential(student, address=host.base_url, username="ada", password=TOKEN, now=now)
        server = launch(student, LaunchSpec(parse(host.url("notes"))), now=now)
        assert server.build is not None
        carry_out_build(server.build)
        build = Build.objects.get(pk=server.build.pk)
        assert build.state == Build.State.SUCCEEDED, build.failure
        return server

    return launched


def everything_stored() -> bytes:
    """Every row of every table."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - a name of our own
            rows.append(f"{table}: {cursor.fetchall()}")
    return "\n".join(rows).encode()


def log_of(server: NotebookServer) -> bytes:
    """What the build said."""
    assert server.build is not None
    return "\n".join(line.text for line in server.build.log_lines.all()).encode()


def files_with(directory: Path, text: bytes) -> list[str]:
    """The plain files below this folder that hold these words."""
    paths = (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in paths if text in path.read_bytes()]


def holds(chunks: Iterable[bytes], *texts: bytes) -> list[bytes]:
    """Which of these texts stand in a stream, also across the seams of its pieces."""
    found, rest = set[bytes](), b""
    for chunk in chunks:
        piece = rest + chunk
        found |= {text for text in texts if text in piece}
        rest = piece[-max(map(len, texts)) :]
    return sorted(found)


def assert_only_git_was_told() -> None:
    assert WATCH.by_environment
    assert not [name for name in WATCH.by_environment if not name.startswith("git")]
    assert WATCH.by_arguments == set()


def assert_nothing_of_ours_tells(server: NotebookServer, host: GitHost, caplog: pytest.LogCaptureFixture) -> None:
    """Rows, the log people read, the log operators read, and what the host was asked for."""
    assert server.repository_url.encode() in everything_stored()
    assert b"[remote " in log_of(server)
    for place in (everything_stored(), log_of(server), caplog.text.encode()):
        assert not has_token(place)
    assert not [target for target, _headers in host.seen if has_token(target.encode())]


def test_venv_of_private_repository_tells_nobody_the_token(
    host: GitHost,
    own: Callable[[str], NotebookServer],
    use_backends: Callable[..., None],
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.CARREL_DATA, settings.REPOSITORY_ALLOWED_HOSTS = tmp_path / "data", [host.address]
    share_package_cache(tmp_path / "data")
    use_backends(builder=WatchedVenvBuilder)

    server = own("venv")

    assert_only_git_was_told()
    assert_nothing_of_ours_tells(server, host, caplog)
    image = tmp_path / "data" / "images" / server.image_key
    assert str(image / "repo" / "notes.md") in files_with(image, SIGN.encode())
    assert [path for spelling in (*SPELLINGS, b"extraHeader") for path in files_with(image, spelling)] == []


@pytest.mark.docker
def test_image_of_private_repository_tells_nobody_the_token(
    host: GitHost,
    own: Callable[[str], NotebookServer],
    use_backends: Callable[..., None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with own_images(tmp_path, host):
        use_backends(builder=WatchedRepo2DockerBuilder)

        server = own("docker")

        assert_only_git_was_told()
        assert_nothing_of_ours_tells(server, host, caplog)
        image = local_image(location_of(server.image_key))
        assert image is not None
        assert server.image_key in str(image.labels)
        assert not has_token(f"{image.attrs} {image.labels} {image.history()}".encode())
        assert holds(image.save(), SIGN.encode(), *SPELLINGS) == [SIGN.encode()]
        assert files_with(tmp_path, SIGN.encode()) == []
