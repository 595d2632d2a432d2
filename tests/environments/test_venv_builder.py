"""Images made by git and uv, from real repositories and the real package index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings
from pytest_django import Settings

from environments.builders.commands import Commands
from environments.builders.fetching import Checkout
from environments.builders.venv import VenvBuilder
from environments.errors import EnvironmentsError, UserError
from environments.processes import installation_label, labelled
from environments.values import BuildPhase, BuildRequest, Image, ResolvedRepository
from tests.contracts.images import share_package_cache
from tests.fakes.git_host import GitHost

KEY = "0123456789abcdef" * 4
PROJECT = {
    "pyproject.toml": (
        "[build-system]\nrequires = ['flit_core >=3.4,<4']\nbuild-backend = 'flit_core.buildapi'\n"
        "[project]\nname = 'lecture'\nversion = '1.2'\ndescription = 'x'\ndependencies = ['six==1.16.0']\n"
    ),
    "lecture.py": "",
    "requirements.txt": "attrs==25.3.0\n",
    "postBuild": (
        "#!/bin/bash\nset -e\nenv > environment.txt\necho visible; echo to-stderr >&2\n"
        "python -I -c 'import six, attr, lecture, jupyterlab'\nsetsid sleep 600 &\n"
    ),
}


@pytest.fixture(scope="module")
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.fixture
def data(settings: Settings, tmp_path: Path, host: GitHost) -> Path:
    data = tmp_path / "data"
    share_package_cache(data)
    settings.CARREL_DATA, settings.REPOSITORY_ALLOWED_HOSTS = data, [host.address]
    return data


def request_for(url: str, commit: str, *, seconds: int = 120, key: str = KEY) -> BuildRequest:
    return BuildRequest("build-1", key, ResolvedRepository(url, commit, ""), seconds)


def build(request: BuildRequest) -> tuple[Image, list[str]]:
    """The image and its log."""
    log = [event.text for event in VenvBuilder().build(request) if event.text]
    image = VenvBuilder().find(request.image_key)
    assert image is not None
    return image, log


class Project:
    """An image with a bit of everything, and what was said while it was made."""

    def __init__(self, host: GitHost, data: Path) -> None:
        os.environ["A_SECRET_OF_CARREL"] = "do not tell"
        try:
            commit = host.add("project", PROJECT)
            self.url, self.data = host.url("project"), data
            image, self.log = build(request_for(self.url, commit))
        finally:
            del os.environ["A_SECRET_OF_CARREL"]
        self.directory = Path(image.location)
        self.repository = self.directory / "repo"

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


@pytest.fixture(scope="module")
def project(host: GitHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    data = tmp_path_factory.mktemp("data")
    share_package_cache(data)
    with override_settings(CARREL_DATA=data, REPOSITORY_ALLOWED_HOSTS=[host.address]):
        yield Project(host, data)


def test_build_keeps_repository_at_its_commit_with_a_plain_remote(project: Project) -> None:
    assert project.git("remote", "get-url", "origin") == project.url
    assert project.git("status", "--porcelain") == "?? environment.txt"


def test_build_leaves_only_repository_and_environment(project: Project) -> None:
    assert {entry.name for entry in project.directory.iterdir()} == {"repo", "venv", "image.json", "build"}


def test_build_compiles_what_it_installs(project: Project) -> None:
    assert list(project.directory.glob("venv/lib/python*/site-packages/jupyterlab/__pycache__/labapp.*.pyc"))


def test_build_shows_what_post_build_prints(project: Project) -> None:
    assert {"visible", "to-stderr"} <= set(project.log)


def test_build_shows_no_folder_of_this_machine(project: Project) -> None:
    assert not [line for line in project.log if str(project.data) in line]


def test_build_ends_what_post_build_left_running(project: Project) -> None:
    assert labelled(installation_label(project.data)) == []


def test_build_tells_the_repository_no_secret(project: Project) -> None:
    environment = (project.repository / "environment.txt").read_text()

    assert not [line for line in environment.splitlines() if "SECRET" in line or "DJANGO" in line]


def test_build_takes_pip_part_of_conda_environment_and_reports_failing_script(host: GitHost, data: Path) -> None:
    files = {
        "binder/environment.yml": "dependencies:\n- pip\n- pip:\n  - six==1.16.0\n  - -r more.txt\n",
        "binder/more.txt": "iniconfig==2.0.0\n",
        "binder/postBuild": "#!/bin/sh\necho files: $(ls -A binder)\nexit 3\n",
    }
    events = VenvBuilder().build(request_for(host.url("conda"), host.add("conda", files)))
    log = list[str]()

    with pytest.raises(UserError, match="post_build_failed"):
        log.extend(event.text for event in events)

    assert {" + six==1.16.0", " + iniconfig==2.0.0", "files: environment.yml more.txt postBuild"} <= set(log)


@pytest.mark.parametrize(
    ("name", "files", "code", "facts"),
    [
        ("nothing", {"README.md": ""}, "no_environment_files", {}),
        ("docker", {"Dockerfile": ""}, "needs_docker", {"feature": "its Dockerfile"}),
        (
            "unknown",
            {"requirements.txt": "no-such-package-of-carrel\n"},
            "package_not_found",
            {"package": "no-such-package-of-carrel"},
        ),
        ("version", {"requirements.txt": "six==99\n"}, "package_not_found", {"package": "six==99"}),
        (
            "conflict",
            {"requirements.txt": "jupyterlab<4\n"},
            "requirements_unsatisfiable",
            {
                "problem": "Because you require jupyterlab>=4.4,<5 and jupyterlab<4,"
                " we can conclude that your requirements are unsatisfiable."
            },
        ),
        (
            "syntax",
            {"requirements.txt": "this is no requirement\n"},
            "environment_file_invalid",
            {"file": "requirements.txt"},
        ),
        ("setup", {"setup.py": "raise SystemExit('no')\n"}, "package_build_failed", {}),
        ("offline", {"requirements.txt": "--index-url http://127.0.0.1:1/\nsix\n"}, "package_index_unreachable", {}),
        ("old", {"runtime.txt": "python-3.99\n"}, "python_unavailable", {"version": "3.99"}),
    ],
)
def test_build_says_why_it_failed(
    host: GitHost,
    data: Path,
    name: str,
    files: dict[str, str],
    code: str,
    facts: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    request = request_for(host.url(name), host.add(name, files))

    with pytest.raises(EnvironmentsError) as caught:
        build(request)

    assert caught.value.code == code
    assert facts.items() <= caught.value.facts.items()
    assert not (data / "images" / KEY).exists()


def test_build_says_that_commit_is_unknown(host: GitHost, data: Path) -> None:
    host.add("lacking", {"requirements.txt": ""})

    with pytest.raises(UserError, match="ref_unknown"):
        build(request_for(host.url("lacking"), "0" * 39 + "1"))


def test_build_refuses_private_address(host: GitHost, data: Path, settings: Settings) -> None:
    commit = host.add("inside", {"requirements.txt": ""})
    settings.REPOSITORY_ALLOWED_HOSTS = []

    with pytest.raises(UserError, match="repository_address_forbidden"):
        build(request_for(host.url("inside"), commit))


def test_build_kills_script_at_time_limit(host: GitHost, data: Path) -> None:
    files = {"requirements.txt": "--find-links .\n", "setup.py": "import time; time.sleep(600)\n"}
    request = request_for(host.url("sleepy"), host.add("sleepy", files), seconds=4)

    with pytest.raises(UserError, match="build_timeout"):
        build(request)

    assert labelled(installation_label(data)) == []


def test_build_fetches_from_a_directory(host: GitHost, data: Path, settings: Settings) -> None:
    settings.REPOSITORY_ALLOW_LOCAL = True
    commit = host.add("local", {"environment.yml": "dependencies: [numpy]"})

    with pytest.raises(UserError, match="needs_docker"):
        build(request_for(str(host.directory("local")), commit))


def test_build_fetches_an_example(host: GitHost, data: Path) -> None:
    commit = host.add("hello", {"apt.txt": "vim"})
    (data / "examples").mkdir()
    (data / "examples" / "hello.git").symlink_to(host.directory("hello"))

    with pytest.raises(UserError, match="needs_docker"):
        build(request_for("example:hello", commit))


def test_build_gives_signs_of_life_while_the_host_is_silent(host: GitHost, data: Path) -> None:
    commit = host.add("mute", {"requirements.txt": ""})
    host.hang("mute")
    events = VenvBuilder().build(request_for(host.url("mute"), commit))

    began = time.monotonic()
    for _ in range(3):
        next(events)

    assert time.monotonic() - began < 10
    events.close()


def test_checkout_follows_a_repository_that_was_renamed(host: GitHost, data: Path, tmp_path: Path) -> None:
    commit = host.add("new-name", {"requirements.txt": ""})
    host.redirect("old-name", host.url("new-name"))
    repository = ResolvedRepository(host.url("old-name"), commit, "")
    commands = Commands({**installation_label(data), "CARREL_IMAGE_KEY": KEY}, time_limit_seconds=30)

    list(Checkout(repository, tmp_path / "repo", tmp_path, commands).make())

    assert (tmp_path / "repo" / "requirements.txt").exists()


def test_checkout_refuses_repository_that_is_too_large(host: GitHost, data: Path, tmp_path: Path) -> None:
    commit = host.add("large", {"data.bin": os.urandom(300_000)})
    repository = ResolvedRepository(host.url("large"), commit, "")
    commands = Commands({**installation_label(data), "CARREL_IMAGE_KEY": KEY}, time_limit_seconds=30)

    with pytest.raises(UserError, match="repository_too_large"):
        list(Checkout(repository, tmp_path / "repo", tmp_path, commands, max_bytes=100_000).make())


def test_find_does_not_return_image_whose_python_is_gone(data: Path) -> None:
    directory = data / "images" / KEY
    (directory / "venv" / "bin").mkdir(parents=True)
    (directory / "image.json").write_text("{}")
    (directory / "venv" / "bin" / "python").symlink_to("/nowhere/python3")

    assert VenvBuilder().find(KEY) is None


@pytest.mark.parametrize("key", ["", "..", "a/b", "../../etc", "-x", "a\n"])
def test_find_refuses_what_is_no_key(data: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not an image key"):
        VenvBuilder().find(key)


def test_discard_ends_what_a_killed_worker_left(host: GitHost, data: Path) -> None:
    commit = host.add("silent", {"requirements.txt": ""})
    host.hang("silent", method="POST")
    program = (
        "import os, signal, django; django.setup()\n"
        "from pathlib import Path\n"
        "from django.conf import settings\n"
        "from environments.builders.venv import VenvBuilder\n"
        "from environments.values import *\n"
        f"settings.CARREL_DATA = Path({str(data)!r})\n"
        f"settings.REPOSITORY_ALLOWED_HOSTS = [{host.address!r}]\n"
        f"repository = ResolvedRepository({host.url('silent')!r}, {commit!r}, '')\n"
        f"events = VenvBuilder().build(BuildRequest('b', {KEY!r}, repository, 600))\n"
        "while not any(Path(settings.CARREL_DATA).glob('images/*/repo/.git/config')): next(events)\n"
        "for _ in range(4): next(events)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": os.getcwd()}
    worker = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60)
    left = labelled(installation_label(data))

    VenvBuilder().discard(KEY)

    assert (worker.returncode, len(left) > 0) == (-signal.SIGKILL, True), worker.stderr.decode()
    assert labelled(installation_label(data)) == []
    assert not (data / "images" / KEY).exists()


def test_failed_build_spares_the_one_that_took_over(host: GitHost, data: Path) -> None:
    commit = host.add("contested", {"requirements.txt": ""})
    host.hang("contested", method="POST")
    first = VenvBuilder().build(request_for(host.url("contested"), commit))
    while next(first).phase is BuildPhase.FETCHING and not (data / "images" / KEY / "repo").exists():
        pass
    (data / "images" / KEY / "build").write_text("build-2")

    first.close()

    assert (data / "images" / KEY / "build").read_text() == "build-2"
