"""Images made by the real repo2docker in a real engine, from repositories that do not mean well."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as current
from django.test import override_settings

from environments.builders.images import IMAGE_KEY_LABEL, local_image
from environments.builders.repo2docker import Repo2DockerBuilder, buildx_options
from environments.engine import client
from environments.errors import EnvironmentsError
from environments.processes import installation_label, labelled
from environments.registry import location_of
from environments.values import BuildRequest, Credential
from tests.engine import ENGINE_SOCKET
from tests.engine_images import FROM_BASE, is_running, names_left, own_images, request_for
from tests.fakes.engine_proxy import EngineProxy
from tests.fakes.git_host import GitHost

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.fixture
def data(tmp_path: Path, host: GitHost) -> Iterator[Path]:
    with own_images(tmp_path, host):
        yield tmp_path


def build(request: BuildRequest) -> list[str]:
    """The log of a build."""
    return [event.text for event in Repo2DockerBuilder().build(request) if event.text]


def failure(request: BuildRequest) -> EnvironmentsError:
    """How a build fails."""
    with pytest.raises(EnvironmentsError) as caught:
        build(request)
    return caught.value


def sleeper() -> str:
    """A command that hangs, and can be told from everybody else's."""
    return f"sleep 600.{secrets.randbelow(10**9):09}"


def wait_until(is_so: Callable[[], bool], seconds: float = 15) -> bool:
    """Whether it comes about in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def dockerfile(*lines: str) -> dict[str, str | bytes]:
    return {"Dockerfile": FROM_BASE + "".join(f"{line}\n" for line in lines)}


@pytest.mark.usefixtures("data")
def test_build_makes_image_with_our_name_and_label(host: GitHost) -> None:
    build(request_for(host, "plain", dockerfile()))

    image = local_image(location_of("plain"))

    assert image is not None
    assert image.tags == [f"{current.IMAGE_PREFIX}environment:plain"]
    assert image.labels[IMAGE_KEY_LABEL] == "plain"


def test_build_shows_steps_and_their_output_alone(host: GitHost, data: Path) -> None:
    command = f"echo to-stdout; echo to-stderr >&2; : {secrets.token_hex(4)}"
    log = build(request_for(host, "steps", dockerfile(f"RUN {command}")))

    assert log[2:5] == [
        "Using DockerBuildPack builder",
        "[1/2] FROM docker.io/carrel-test/base",
        f"[2/2] RUN {command}",
    ]
    assert sorted(log[5:]) == ["to-stderr", "to-stdout"]
    assert not [line for line in log if str(data) in line]


def test_build_leaves_no_file(host: GitHost, data: Path) -> None:
    build(request_for(host, "tidy", dockerfile()))

    assert not list((data / "builds").iterdir())


@pytest.mark.usefixtures("data")
def test_build_obeys_no_configuration_of_the_repository(host: GitHost) -> None:
    configuration = "raise SystemExit('obeyed')\n"
    files = {**dockerfile(), "repo2docker_config.py": configuration, "repo2docker.py": configuration}

    log = build(request_for(host, "configured", files))

    assert not [line for line in log if "obeyed" in line]


@pytest.mark.usefixtures("data")
def test_build_tells_the_repository_nothing_of_ours(host: GitHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_CARREL", "do not tell")

    log = build(request_for(host, "curious", dockerfile(f"RUN env # {secrets.token_hex(4)}")))

    assert not [line for line in log if "do not tell" in line or current.SECRET_KEY in line]


@pytest.mark.parametrize(
    ("files", "code", "facts"),
    [
        ({"README.md": ""}, "no_environment_files", {}),
        ({"pyproject.toml": "[tool.ruff]\n"}, "no_environment_files", {}),
        ({"binder/apt.txt": "", ".binder/apt.txt": ""}, "environment_files_ambiguous", {}),
        ({"postBuild": "#!/bin/sh\n"}, "no_environment_files", {}),
        ({"requirements.txt": "", "apt.txt": "_secret\n"}, "environment_file_invalid", {"file": "apt.txt"}),
        (dockerfile("RUN ls /nope"), "dockerfile_failed", {"step": "RUN ls /nope"}),
        (dockerfile("FOO"), "dockerfile_invalid", {}),
        ({"Dockerfile": "FROM carrel-test/nope\n"}, "base_image_unavailable", {"image": "carrel-test/nope:latest"}),
        (dockerfile("RUN python3 -c 'import os; os.kill(os.getpid(), 9)'"), "build_out_of_memory", {}),
        (dockerfile("RUN dd if=/dev/zero of=/dev/full count=1"), "disk_full", {}),
        (dockerfile("USER root"), "image_user_root", {}),
        (dockerfile("USER 1001:1000"), "image_user_wrong", {"user": "1001"}),
        (dockerfile("USER nobody-at-all"), "image_user_unknown", {"user": "nobody-at-all"}),
        (
            dockerfile("USER root", "RUN echo '1000:x:0:0::/:/bin/sh' >> /etc/passwd", "USER 1000"),
            "image_user_root",
            {},
        ),
        (
            dockerfile("USER root", "RUN mv /etc/passwd /tmp/p && ln -s /tmp/p /etc/passwd", "USER jovyan"),
            "image_user_unknown",
            {},
        ),
    ],
)
def test_build_says_why_it_failed(
    host: GitHost, data: Path, files: dict[str, str | bytes], code: str, facts: dict[str, str]
) -> None:
    error = failure(request_for(host, f"failing-{secrets.token_hex(4)}", files))

    assert error.code == code
    assert facts.items() <= error.facts.items()
    assert names_left() == []
    assert not list((data / "builds").iterdir())


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", ["Dockerfile", "apt.txt", "binder/apt.txt", ".dockerignore", "binder"])
def test_build_reads_no_file_outside_the_repository(host: GitHost, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("_secret")
    request = request_for(host, f"link-{secrets.token_hex(4)}", {"requirements.txt": ""})
    commit = host.link(request.image_key, name, str(tmp_path if name == "binder" else tmp_path / "secret"))

    error = failure(replace(request, repository=replace(request.repository, commit=commit)))

    assert (error.code, error.facts["file"]) == ("environment_file_invalid", name.rpartition("/")[2])


@pytest.mark.usefixtures("data")
def test_build_that_hangs_ends_at_its_time_limit(host: GitHost) -> None:
    command = sleeper()
    request = request_for(host, "hanging", dockerfile(f"RUN {command}"), seconds=5)

    error = failure(request)

    assert error.code == "build_timeout"
    assert wait_until(lambda: not is_running(command))


@pytest.mark.usefixtures("data")
def test_build_that_forks_leaves_no_process(host: GitHost) -> None:
    command = sleeper()
    forks = f"RUN for i in $(seq 100); do setsid {command} & done; {command}"
    events = Repo2DockerBuilder().build(request_for(host, "forking", dockerfile(forks)))

    with closing(events):
        while not is_running(command):
            next(events)

    assert wait_until(lambda: not is_running(command))


@pytest.mark.usefixtures("data")
def test_build_keeps_cache_folders_of_repositories_apart(host: GitHost) -> None:
    salt = secrets.token_hex(4)
    mount = f"--mount=type=cache,target=/tmp/kept-{salt},uid=1000"
    build(request_for(host, "poisoning", dockerfile(f"RUN {mount} touch /tmp/kept-{salt}/evil")))

    log = build(request_for(host, "poisoned", dockerfile(f"RUN {mount} ls -A /tmp/kept-{salt}")))

    assert "evil" not in log


@pytest.mark.usefixtures("data")
def test_build_of_private_repository_leaves_password_nowhere(host: GitHost) -> None:
    password = secrets.token_hex(16)
    encoded = b64encode(f"ada:{password}".encode()).decode()
    files = dockerfile("COPY --chown=1000 . /tmp/src", "RUN cd /tmp/src/.git && cat config FETCH_HEAD && env")
    request = request_for(host, "private", files, credential=Credential(host.base_url, "ada", password))
    host.make_private("private", username="ada", password=password)

    log = build(request)

    image = local_image(location_of("private"))
    assert image is not None
    everything = f"{log} {image.attrs} {image.history()} {request!r}"
    assert host.url("private") in everything
    assert [word for word in (password, encoded, "extraHeader", "Authorization") if word in everything] == []


@pytest.mark.usefixtures("data")
def test_build_of_private_repository_fails_without_credential(host: GitHost) -> None:
    request = request_for(host, "closed", dockerfile())
    host.make_private("closed", username="ada", password="correct horse")

    assert failure(request).code == "repository_not_found"


def test_discard_ends_what_a_killed_worker_left(host: GitHost, data: Path) -> None:
    command = sleeper()
    request = request_for(host, "killed", dockerfile(f"RUN {command}"))
    program = (
        "import os, signal, django; django.setup()\n"
        "from pathlib import Path\n"
        "from django.conf import settings\n"
        "from environments.builders.repo2docker import Repo2DockerBuilder\n"
        "from environments.values import *\n"
        f"settings.CARREL_DATA = Path({str(data)!r})\n"
        f"settings.IMAGE_PREFIX = {current.IMAGE_PREFIX!r}\n"
        f"settings.REPOSITORY_ALLOWED_HOSTS = [{host.address!r}]\n"
        f"repository = {request.repository!r}\n"
        "for event in Repo2DockerBuilder().build(BuildRequest('b', 'killed', repository, 600)):\n"
        f"    if {command!r} in event.text: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": os.getcwd()}
    worker = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60)
    left = labelled(installation_label(data))

    Repo2DockerBuilder().discard("killed")

    assert (worker.returncode, len(left) > 0) == (-signal.SIGKILL, True), worker.stderr.decode()
    assert labelled(installation_label(data)) == []
    assert wait_until(lambda: not is_running(command))
    assert not list((data / "builds").iterdir())


def test_failed_build_spares_the_one_that_took_over(host: GitHost, data: Path) -> None:
    request = request_for(host, "contested", dockerfile(f"RUN {sleeper()}"))
    first = Repo2DockerBuilder().build(request)
    while not (data / "builds" / "contested" / "repo").exists():
        next(first)
    (data / "builds" / "contested" / "build").write_text("build-2")

    first.close()

    assert (data / "builds" / "contested" / "build").read_text() == "build-2"


@pytest.mark.usefixtures("data")
def test_find_knows_nothing_of_image_that_only_has_the_name(host: GitHost) -> None:
    base = client().images.get("carrel-test/base:latest")
    base.tag(*location_of("impostor").rsplit(":", 1))

    found = Repo2DockerBuilder().find("impostor")

    Repo2DockerBuilder().discard("impostor")
    assert found is None
    assert local_image("carrel-test/base:latest") is not None


def test_find_says_that_no_engine_answers() -> None:
    with override_settings(DOCKER_HOST="unix:///nowhere/docker.sock"), pytest.raises(EnvironmentsError) as caught:
        Repo2DockerBuilder().find("any")

    assert caught.value.code == "runtime_unavailable"


def test_build_ends_when_the_engine_goes_away(host: GitHost, data: Path) -> None:
    request = request_for(host, "abandoned", dockerfile(f"RUN {sleeper()}"))
    with EngineProxy(ENGINE_SOCKET) as engine, override_settings(DOCKER_HOST=engine.address):
        events = Repo2DockerBuilder().build(request)
        while "[2/2] RUN" not in next(events).text:
            pass
        engine.cut()

        with pytest.raises(EnvironmentsError) as caught:
            list(events)

    assert caught.value.code == "runtime_unavailable"
    assert labelled(installation_label(data)) == []
    assert not list((data / "builds").iterdir())


@pytest.mark.parametrize("key", ["", "..", "a/b", "../../etc", "-x", "a\n", "a:b"])
def test_find_refuses_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="not an image key"):
        Repo2DockerBuilder().find(key)


def test_buildx_options_bound_what_the_settings_bound() -> None:
    with override_settings(BUILD_MEMORY_MB=512, BUILD_CGROUP_PARENT="builds.slice"):
        bounded = list(buildx_options())

    assert bounded == ["--load", "--ulimit=data=536870912", "--cgroup-parent=builds.slice"]
    assert list(buildx_options()) == ["--load"]


def test_version_is_that_of_the_recipe_and_its_base_image() -> None:
    plain = Repo2DockerBuilder().version

    with override_settings(REPO2DOCKER_BASE_IMAGE="registry.example/base:1"):
        based = Repo2DockerBuilder().version

    assert based == f"{plain}-registry.example/base:1"
