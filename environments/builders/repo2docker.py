"""Makes images of a Docker Engine with repo2docker, which runs as a program in an empty folder.

    CARREL_DATA/builds/<key>/repo/     the checkout or record; fetched by us, never by repo2docker
    CARREL_DATA/builds/<key>/empty/    where repo2docker runs, since it obeys a file it finds there
    CARREL_DATA/builds/<key>/home/     a home without anybody's settings

The folder is gone when a build ends. An image is built under a name of its own, checked, and only then gets
the name it is found by; with a registry, it is finished once it is there.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import sys
from collections import deque
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _
from docker.models.images import Image as EngineImage

from environments.builders.commands import CommandFailed, Commands
from environments.builders.detection import DESCRIPTIONS, SCRIPTS, environment_files
from environments.builders.fetching import Checkout
from environments.builders.image_cleanup import remove_unused_images, stored_images
from environments.builders.images import (
    USER_ID,
    check_user,
    image_labels,
    is_pushed,
    key_of,
    local_image,
    remove_name,
    remove_names,
)
from environments.builders.repo2docker_errors import build_error
from environments.builders.repo2docker_log import Progress, unwrapped
from environments.builders.sources import source_of
from environments.builders.submodules import fetch_submodules
from environments.engine import client, engine_errors, having
from environments.errors import SystemFailure, UserError
from environments.processes import end_labelled, installation_label
from environments.references import unmarked
from environments.references.credentials import spellings_of
from environments.registry import location_of, registry
from environments.trees import full_disk_reported, remove_tree
from environments.values import BuildEvent, BuildPhase, BuildRequest, Image, ImageStore, short_commit

logger = logging.getLogger(__name__)

RECIPE = 1
"""To be raised whenever what we do around repo2docker makes the same repository come out differently."""
USER_NAME = "jovyan"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_IMAGE_KEY = "CARREL_IMAGE_KEY"
_BUILD_ID = "CARREL_BUILD_ID"
_OWNER = "build"
_TAIL_LINES = 400
_DOCKERFILE = "Dockerfile"
_ALSO_READ = (
    *(*SCRIPTS, "requirements3.txt", "Manifest.toml", "JuliaManifest.toml"),
    *(".dockerignore", ".containerignore", "Dockerfile.dockerignore"),
)
_PASSED_ON = re.compile(
    r"PATH|LANG|LC_[A-Z]+|TZ|SSL_CERT_(?:FILE|DIR)|(?i:https?|all|no)_(?i:proxy)"
    r"|DOCKER_(?:HOST|TLS|TLS_VERIFY|CERT_PATH|API_VERSION)"
)


class Repo2DockerBuilder:
    """Builds images in the engine at `DOCKER_HOST`, and pushes them where there is a registry."""

    name = "repo2docker"

    def __init__(self) -> None:
        parts = [version("jupyter-repo2docker"), str(RECIPE), settings.REPO2DOCKER_BASE_IMAGE]
        self.version = "-".join(filter(None, parts))
        self.platform = f"linux/{_ARCHITECTURES.get(platform.machine(), platform.machine())}"

    def find(self, image_key: str) -> Image | None:
        """The finished image: in the engine, or in the registry, whence a start fetches it."""
        location = location_of(_checked(image_key))
        known = registry()
        with engine_errors():
            image = local_image(location)
        is_here = image is not None and key_of(image) == image_key and (known is None or is_pushed(image, location))
        return Image(image_key, location) if is_here or (known and known.has(location)) else None

    def build(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        """Make the image: fetch, build, check, push. See the protocol for what it promises."""
        if self.find(request.image_key):
            return
        _remove_leftovers(request.image_key)
        build = _Build(request, _directory(request.image_key), self.platform)
        try:
            with full_disk_reported(), engine_errors():
                yield from build.run()
        except BaseException:
            build.clean_up()
            raise

    def discard(self, image_key: str) -> None:
        """Remove the image, here and in the registry, and end every process that works on it."""
        _remove_leftovers(image_key)
        if known := registry():
            known.remove(location_of(image_key))

    def stored(self) -> ImageStore:
        """What is in the engine. What images share with one another is counted as shared."""
        return stored_images()

    def remove_unused(
        self, *, needed: Collection[str], last_used: Mapping[str, datetime], now: datetime
    ) -> Sequence[str]:
        """Remove from the engine what nobody needs, and bound its build cache. The registry keeps what it has."""
        return remove_unused_images(needed=needed, last_used=last_used, now=now)


def _checked(image_key: str) -> str:
    if not _KEY.fullmatch(image_key):
        raise ValueError(f"not an image key: {image_key!r}")
    return image_key


def _directory(image_key: str) -> Path:
    return Path(settings.CARREL_DATA) / "builds" / _checked(image_key)


def _labels(image_key: str) -> dict[str, str]:
    return {**installation_label(Path(settings.CARREL_DATA)), _IMAGE_KEY: image_key}


def _remove_leftovers(image_key: str) -> None:
    directory = _directory(image_key)
    if not end_labelled(_labels(image_key)):
        raise SystemFailure("unexpected", detail=f"processes of image {image_key} cannot be killed")
    remove_tree(directory)
    with engine_errors():
        for image in client().images.list(filters=having(image_labels(image_key))):
            remove_names(image)
        # What was fetched from the registry may be labelled by whoever pushed it.
        remove_name(location_of(image_key))


@dataclass(frozen=True)
class _Build:
    """One attempt, in a folder of its own."""

    request: BuildRequest
    directory: Path
    platform: str

    @property
    def repository(self) -> Path:
        return self.directory / "repo"

    @property
    def home(self) -> Path:
        return self.directory / "home"

    @property
    def location(self) -> str:
        """The name the image is to have."""
        return location_of(self.request.image_key)

    @property
    def unchecked(self) -> str:
        """The name it has until it is known to be good."""
        return f"{self.location.rpartition(':')[0]}:unchecked-{self.request.build_id}"

    @property
    def labels(self) -> dict[str, str]:
        return {**_labels(self.request.image_key), _BUILD_ID: self.request.build_id}

    def run(self) -> Generator[BuildEvent, None, None]:
        """All the steps. The image is finished when this ends."""
        for name in ("home", "empty", "docker", "tmp"):
            (self.directory / name).mkdir(parents=True)
        (self.directory / _OWNER).write_text(self.request.build_id)
        secrets = spellings_of(self.request.credential)
        commands = Commands(self.labels, self.request.time_limit_seconds, self._places(), secrets)
        for line in self._fetch(commands):
            yield BuildEvent(BuildPhase.FETCHING, line)
        for line in self._make(commands):
            yield BuildEvent(BuildPhase.BUILDING, line)
        self._check().tag(*self.location.rsplit(":", 1))
        for line in self._push(commands):
            yield BuildEvent(BuildPhase.PUSHING, line)
        remove_name(self.unchecked)
        remove_tree(self.directory)

    def clean_up(self) -> None:
        """Leave nothing, unless another build of this image has begun since: then the folder is its own."""
        end_labelled(self.labels)
        is_ours = self._owner() in ("", self.request.build_id)
        try:
            with engine_errors():
                self._remove_images(is_ours=is_ours)
        except SystemFailure as failure:
            logger.warning("build %s may have left an image: %s", self.request.build_id, failure)
        if is_ours:
            remove_tree(self.directory)

    def _owner(self) -> str:
        with suppress(FileNotFoundError):
            return (self.directory / _OWNER).read_text()
        return ""

    def _remove_images(self, *, is_ours: bool) -> None:
        image, finished = local_image(self.unchecked), local_image(self.location)
        if is_ours and image is not None and finished is not None and finished.id == image.id:
            remove_name(self.location)
        remove_name(self.unchecked)

    def _fetch(self, commands: Commands) -> Generator[str, None, None]:
        repository = self.request.repository
        facts = {"url": unmarked(repository.url), "commit": short_commit(repository.commit, 12)}
        yield _("Fetching {url} at {commit}").format(**facts)
        source = source_of(self.request, self.repository, self.home, commands)
        yield from source.make()
        if isinstance(source, Checkout):
            yield from fetch_submodules(source)

    def _make(self, commands: Commands) -> Generator[str, None, None]:
        described = {path.name for path in environment_files(self.repository, (*DESCRIPTIONS, *_ALSO_READ))}
        if described.isdisjoint(DESCRIPTIONS):
            raise UserError("no_environment_files")
        yield _("Building the environment with repo2docker")
        progress, said = Progress(), deque[str](maxlen=_TAIL_LINES)
        try:
            for line in self._repo2docker(commands):
                said.append(line)
                yield progress.shown(line)
        except CommandFailed as failure:
            client().ping()  # Nobody's Dockerfile is to blame when the engine has gone.
            raise build_error(said, has_dockerfile=_DOCKERFILE in described) from failure

    def _repo2docker(self, commands: Commands) -> Generator[str, None, None]:
        """What it prints, unwrapped, and empty lines as signs of life."""
        running = commands.run(
            self._arguments(), directory=self.directory / "empty", environment=self._environment("docker")
        )
        for line in running:
            yield from unwrapped(line)

    def _arguments(self) -> list[str]:
        return [
            # Isolated, so that nothing on Python's path but what is installed can come in.
            *(sys.executable, "-I", "-m", "repo2docker", "--json-logs", "--no-run"),
            *repo2docker_options(self.unchecked, image_labels(self.request.image_key), self.platform),
            # Folders that RUN --mount=type=cache keeps between builds would be one repository's way into another's.
            f"--build-arg=BUILDKIT_CACHE_MOUNT_NS={self.request.image_key}",
            *(f"--DockerEngine.extra_buildx_build_args={option}" for option in buildx_options()),
            str(self.repository),
        ]

    def _check(self) -> EngineImage:
        """The image, if it is what it has to be."""
        image = local_image(self.unchecked)
        if image is None or key_of(image) != self.request.image_key:
            raise SystemFailure("build_failed", detail=f"{self.unchecked} did not come out")
        check_user(image)
        return image

    def _push(self, commands: Commands) -> Generator[str, None, None]:
        known = registry()
        if known is None:
            return
        yield _("Storing the environment in the registry")
        with _private_folder(self.directory / "push"):
            environment = self._environment("push", known.docker_configuration())
            try:
                yield from commands.run(
                    ["docker", "push", self.location], directory=self.directory / "empty", environment=environment
                )
            except CommandFailed as failure:
                raise known.error("\n".join(failure.lines)) from failure

    def _places(self) -> Mapping[str, str]:
        """What the log shows instead of the folders of this machine."""
        return {
            f"{self.repository}/": "",
            str(self.repository): ".",
            f"{self.directory}/": "",
            str(settings.CARREL_DATA): "…",
            sys.prefix: "…",
            _escaped(sys.prefix): "…",
            f"{self.location.rpartition(':')[0]}:unchecked-{self.request.build_id}": self.location,
        }

    def _environment(self, folder: str, configuration: Mapping[str, object] | None = None) -> dict[str, str]:
        """All that docker and repo2docker get to know: where the engine is, and how to reach the world.

        The registry's password is not among it while a repository is built: whatever a Dockerfile begins with
        is then a public image, or one the engine already has.
        """
        docker_home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        directory = self.directory / folder
        settings_of_docker = {"cliPluginsExtraDirs": [str(docker_home / "cli-plugins")], **(configuration or {})}
        (directory / "config.json").write_text(json.dumps(settings_of_docker))
        passed_on = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
        if settings.DOCKER_HOST:
            passed_on["DOCKER_HOST"] = settings.DOCKER_HOST
        if settings.BUILDX_BUILDER:
            passed_on["BUILDX_BUILDER"] = settings.BUILDX_BUILDER
            passed_on["BUILDX_CONFIG"] = os.environ.get("BUILDX_CONFIG") or str(docker_home / "buildx")
        return passed_on | {
            "HOME": str(self.home),
            "TMPDIR": str(self.directory / "tmp"),
            "DOCKER_CONFIG": str(directory),
            "DOCKER_CERT_PATH": os.environ.get("DOCKER_CERT_PATH") or str(docker_home),
            "BUILDX_GIT_INFO": "false",
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "NO_COLOR": "1",
        }


def repo2docker_options(name: str, labels: Mapping[str, str], platform: str) -> list[str]:
    """What repo2docker is told about every image. A repository that says nothing gets none, not its default one."""
    base_image = settings.REPO2DOCKER_BASE_IMAGE
    return [
        *("--image-name", name, "--user-id", str(USER_ID), "--user-name", USER_NAME),
        *(f"--label={label}={value}" for label, value in labels.items()),
        f"--Repo2Docker.platform={platform}",
        "--Repo2Docker.default_buildpack=None",
        *([f"--Repo2Docker.base_image={base_image}"] if base_image else []),
    ]


def buildx_options() -> Iterator[str]:
    """What the engine is told about every build: to keep the image, and the bounds of its steps."""
    yield "--load"
    if settings.BUILD_MEMORY_MB:
        yield f"--ulimit=data={settings.BUILD_MEMORY_MB * 1024**2}"
    if settings.BUILD_CGROUP_PARENT:
        yield f"--cgroup-parent={settings.BUILD_CGROUP_PARENT}"


def _escaped(path: str) -> str:
    """A folder of this machine as repo2docker spells it in the names of files it adds."""
    return "".join(letter if letter.isalnum() else f"-{ord(letter):x}" for letter in path).lower()


@contextmanager
def _private_folder(path: Path) -> Iterator[None]:
    """A folder nobody else can look into, there for as long as this lasts."""
    path.mkdir(mode=0o700)
    try:
        yield
    finally:
        remove_tree(path)
