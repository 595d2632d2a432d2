"""Images pushed to a registry after a build, found there, and fetched before a start."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from django.test import override_settings

from environments.builders.images import local_image, remove_name
from environments.builders.repo2docker import Repo2DockerBuilder
from environments.errors import EnvironmentsError
from environments.registry import Registry, ensure_local, location_of
from environments.sandboxes.base import SandboxLimits
from environments.sandboxes.docker import DockerSandbox
from environments.spawners.docker import DockerSpawner
from environments.values import BuildPhase, BuildRequest, Handle, Image, ServerSpec
from tests.engine import clean_engine
from tests.engine_images import names_left, own_images, request_for
from tests.fakes.git_host import GitHost
from tests.fakes.registry import USERNAME, FakeRegistry

pytestmark = pytest.mark.docker

PASSWORD = "let me in"
HASHED = "$2b$04$I7ksE0pig47UVAz5lVEJOuHeZTrm255tOp6yO6n4ZOWoBtjqVQQXO"
PROGRAM = shutil.which("docker-registry") or shutil.which("registry")
SMALL = {
    "Dockerfile": "FROM scratch\nCOPY passwd /etc/passwd\nUSER 1000\n",
    "passwd": "jovyan:x:1000:1000::/:/bin/sh\n",
}
"""So small that moving it takes no time."""


@contextmanager
def real_registry(directory: Path) -> Iterator[str]:
    """The address of a real one, run as a process of its own."""
    assert PROGRAM is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (directory / "htpasswd").write_text(f"{USERNAME}:{HASHED}\n")
    (directory / "config.yml").write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '{address}'}}\n"
        f"auth: {{htpasswd: {{realm: registry, path: {directory}/htpasswd}}}}\n"
    )
    process = subprocess.Popen([PROGRAM, "serve", str(directory / "config.yml")], stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://{address}/v2/")
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait(timeout=10)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(url)


@pytest.fixture(scope="module", params=["fake", *(["real"] if PROGRAM else [])])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "real":
        with real_registry(tmp_path_factory.mktemp("registry")) as url:
            yield url
    else:
        with FakeRegistry(password=PASSWORD) as fake:
            yield fake.url


@pytest.fixture(scope="module")
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.fixture
def room(address: str, host: GitHost, tmp_path: Path) -> Iterator[None]:
    """A data directory and names of one's own, and the registry as the settings say."""
    with own_images(tmp_path, host, REGISTRY_URL=address, REGISTRY_USERNAME=USERNAME, REGISTRY_PASSWORD=PASSWORD):
        yield


def small(host: GitHost) -> BuildRequest:
    """A build of an image that is like no other."""
    name = f"small-{secrets.token_hex(4)}"
    return request_for(host, name, {**SMALL, "passwd": f"{SMALL['passwd']}# {name}\n"})


def pushed(host: GitHost) -> tuple[BuildRequest, list[str]]:
    """A finished build, and its log from the moment it was pushed."""
    request = small(host)
    events = list(Repo2DockerBuilder().build(request))
    return request, [event.text for event in events if event.phase is BuildPhase.PUSHING]


@pytest.mark.usefixtures("room")
def test_build_pushes_image_that_every_machine_finds(host: GitHost) -> None:
    request, log = pushed(host)
    location = location_of(request.image_key)
    remove_name(location)

    image = Repo2DockerBuilder().find(request.image_key)

    assert image == Image(request.image_key, location)
    assert log


@pytest.mark.usefixtures("room")
def test_build_does_nothing_when_registry_has_image(host: GitHost) -> None:
    request, _log = pushed(host)
    remove_name(location_of(request.image_key))

    assert list(Repo2DockerBuilder().build(request)) == []


@pytest.mark.usefixtures("room")
def test_ensure_local_fetches_image(host: GitHost) -> None:
    request, _log = pushed(host)
    image = Image(request.image_key, location_of(request.image_key))
    remove_name(image.location)

    ensure_local(image, time_limit_seconds=30)

    assert local_image(image.location) is not None


@pytest.mark.usefixtures("room")
def test_ensure_local_says_that_image_is_nowhere() -> None:
    with pytest.raises(EnvironmentsError) as caught:
        ensure_local(Image("none", location_of("none")), time_limit_seconds=30)

    assert caught.value.code == "image_missing"


@pytest.mark.usefixtures("room")
def test_ensure_local_says_that_password_is_refused(host: GitHost) -> None:
    request, _log = pushed(host)
    remove_name(location_of(request.image_key))

    with override_settings(REGISTRY_PASSWORD="wrong"), pytest.raises(EnvironmentsError) as caught:
        ensure_local(Image(request.image_key, location_of(request.image_key)), time_limit_seconds=30)

    assert caught.value.code == "registry_refused"


@contextmanager
def pushed_to(fake: FakeRegistry, host: GitHost, data: Path) -> Iterator[Image]:
    """An image in this registry, and no longer in the engine."""
    with own_images(data, host, REGISTRY_URL=fake.url, REGISTRY_USERNAME="", REGISTRY_PASSWORD=""):
        request, _log = pushed(host)
        image = Image(request.image_key, location_of(request.image_key))
        remove_name(image.location)
        yield image


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_ensure_local_gives_up_when_registry_falls_silent(host: GitHost, tmp_path: Path, kind: str) -> None:
    with FakeRegistry() as fake, pushed_to(fake, host, tmp_path) as image:
        fake.hang(kind)

        with pytest.raises(EnvironmentsError) as caught:
            ensure_local(image, time_limit_seconds=1)

        assert (caught.value.code, caught.value.facts) == ("image_fetch_timeout", {"minutes": 1})
        assert local_image(image.location) is None


def test_ensure_local_takes_out_image_that_lacks_a_part(host: GitHost, tmp_path: Path) -> None:
    with FakeRegistry() as fake, pushed_to(fake, host, tmp_path) as image:
        fake.blobs.clear()

        with pytest.raises(EnvironmentsError) as caught:
            ensure_local(image, time_limit_seconds=30)

        assert caught.value.code == "image_missing"
        assert Repo2DockerBuilder().find(image.key) is None


def test_ensure_local_says_that_registry_is_gone(host: GitHost, tmp_path: Path) -> None:
    with own_images(tmp_path, host, REGISTRY_URL="http://127.0.0.1:1"), pytest.raises(EnvironmentsError) as caught:
        ensure_local(Image("key", location_of("key")), time_limit_seconds=30)

    assert caught.value.code == "registry_unreachable"


@pytest.mark.usefixtures("room")
def test_sandbox_fetches_its_image(host: GitHost) -> None:
    request, _log = pushed(host)
    image = Image(request.image_key, location_of(request.image_key))
    remove_name(image.location)

    with pytest.raises(EnvironmentsError), DockerSandbox().kernel(image, SandboxLimits()):
        pass  # It is there by now, and has nothing to run a kernel with.

    assert local_image(image.location) is not None


@pytest.mark.usefixtures("room")
def test_start_fetches_its_image(host: GitHost) -> None:
    request, _log = pushed(host)
    image = Image(request.image_key, location_of(request.image_key))
    remove_name(image.location)
    spec = ServerSpec(
        Handle(f"server-{secrets.token_hex(4)}", "start"), image, f"server-{secrets.token_hex(16)}", (), ""
    )

    with clean_engine(), pytest.raises(EnvironmentsError):
        DockerSpawner().start(spec)  # It is there by now, and has nothing to run a server with.

    assert local_image(image.location) is not None


@pytest.mark.usefixtures("room")
def test_discard_removes_image_everywhere(host: GitHost, address: str) -> None:
    request, _log = pushed(host)

    Repo2DockerBuilder().discard(request.image_key)

    assert Repo2DockerBuilder().find(request.image_key) is None
    assert not Registry(address, USERNAME, PASSWORD).has(location_of(request.image_key))


@pytest.mark.usefixtures("room")
def test_build_leaves_password_nowhere(host: GitHost, tmp_path: Path) -> None:
    request, log = pushed(host)

    image = local_image(location_of(request.image_key))

    assert image is not None
    assert PASSWORD not in f"{log} {image.attrs} {image.history()}"
    assert not list(tmp_path.rglob("config.json"))


def test_build_whose_push_fails_leaves_nothing(host: GitHost, tmp_path: Path) -> None:
    with (
        FakeRegistry() as fake,
        own_images(tmp_path, host, REGISTRY_URL=fake.url, REGISTRY_USERNAME="", REGISTRY_PASSWORD=""),
    ):
        events = Repo2DockerBuilder().build(small(host))
        while next(events).phase is not BuildPhase.PUSHING:
            pass
        fake.password = "changed"

        with pytest.raises(EnvironmentsError) as caught:
            list(events)

        assert caught.value.code == "registry_refused"
        assert names_left() == []


def test_image_that_was_not_pushed_does_not_count(host: GitHost, tmp_path: Path) -> None:
    with FakeRegistry() as fake, own_images(tmp_path, host):
        request = small(host)
        list(Repo2DockerBuilder().build(request))
        image = local_image(location_of(request.image_key))
        assert image is not None

        with override_settings(REGISTRY_URL=fake.url):
            image.tag(*location_of(request.image_key).rsplit(":", 1))
            found = Repo2DockerBuilder().find(request.image_key)
            remove_name(location_of(request.image_key))

    assert found is None


@pytest.mark.usefixtures("room")
def test_build_under_another_key_pushes_beside_it(host: GitHost) -> None:
    request, _log = pushed(host)
    other = replace(request, image_key=f"{request.image_key}-other")

    list(Repo2DockerBuilder().build(other))

    assert Repo2DockerBuilder().find(request.image_key) is not None
    assert Repo2DockerBuilder().find(other.image_key) is not None
