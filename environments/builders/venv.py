"""Makes images that are virtual environments on this machine: a checkout, and beside it what `uv` installs for it.

    CARREL_DATA/images/<key>/repo/       the repository at its commit, after postBuild
    CARREL_DATA/images/<key>/venv/       Python, JupyterLab and the repository's packages
    CARREL_DATA/images/<key>/image.json  written last: what makes the image finished

Building runs code of the repository and of the packages it names as the user Carrel runs as. That is for
one trusting person on their own machine; others use containers.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uv
from django.conf import settings
from django.utils.translation import gettext as _

from environments.builders.classification import install_error, python_error, script_error
from environments.builders.commands import CommandFailed, Commands
from environments.builders.detection import VenvRecipe, detect
from environments.builders.retention import cache_budget_bytes, unused
from environments.builders.sources import source_of
from environments.errors import SystemFailure
from environments.local_images import remove_remains, remove_unless_held
from environments.processes import end_labelled, inherited_environment, installation_label
from environments.references import unmarked
from environments.references.credentials import spellings_of
from environments.trees import copy_tree, full_disk_reported, remove_tree, tree_usage
from environments.values import BuildEvent, BuildPhase, BuildRequest, Image, ImageStore, StoredImage, short_commit

logger = logging.getLogger(__name__)

SERVER_REQUIREMENTS = ("jupyterlab>=4.4,<5", "ipykernel>=6.29", "pip")
"""What every image holds besides what its repository asks for; pip, because notebooks call it."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_IMAGE_KEY = "CARREL_IMAGE_KEY"
_BUILD_ID = "CARREL_BUILD_ID"
_MARKER = "image.json"
_OWNER = "build"
_MARGIN = timedelta(minutes=10)
_LOCK_SECONDS = 10
_CLEANING_SECONDS = 600


class VenvBuilder:
    """Builds images below the data directory. What is finished there, is finished for everybody."""

    name = "venv"
    version = "1"
    """To be raised whenever the same repository would come out differently."""
    platform = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"

    def find(self, image_key: str) -> Image | None:
        """The finished image, or None; None too if the Python it was made with has left this machine."""
        directory = _directory(image_key)
        is_finished = (directory / _MARKER).is_file() and (directory / "venv" / "bin" / "python").exists()
        return Image(image_key, str(directory)) if is_finished else None

    def build(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        """Make the image: fetch, detect, install, run postBuild. See the protocol for what it promises."""
        if self.find(request.image_key):
            return
        self.discard(request.image_key)
        build = _Build(request, _directory(request.image_key))
        try:
            with full_disk_reported():
                yield from build.run()
        except BaseException:
            build.clean_up()
            raise

    def discard(self, image_key: str) -> None:
        """Remove the image and end every process that works on it; nothing if there is nothing."""
        directory = _directory(image_key)
        with suppress(FileNotFoundError):
            (directory / _MARKER).unlink()
        if not end_labelled(_labels(image_key)):
            raise SystemFailure("unexpected", detail=f"processes of image {image_key} cannot be killed")
        remove_tree(directory)

    def stored(self) -> ImageStore:
        """What is below the data directory. Files that uv shares among images and its cache count for each."""
        finished = [place for place in _places() if (place / _MARKER).is_file()]
        return ImageStore(tuple(filter(None, map(_stored, finished))), cache_bytes=_cache_bytes())

    def remove_unused(
        self, *, needed: Collection[str], last_used: Mapping[str, datetime], now: datetime
    ) -> Sequence[str]:
        """Remove what nobody needs, and bound uv's cache."""
        doomed = unused(self.stored().images, needed=needed, last_used=last_used, now=now)
        removed = [key for key in doomed if remove_unless_held(_directory(key))]
        _remove_leftovers(needed, now)
        _bound_cache()
        return removed


def _images() -> Path:
    return Path(settings.CARREL_DATA) / "images"


def _places() -> Sequence[Path]:
    """The folders of all images, finished or not."""
    return [place for place in _images().glob("*") if _KEY.fullmatch(place.name)]


def _stored(place: Path) -> StoredImage | None:
    """What there is to know of a finished image; None if it has just gone."""
    with suppress(FileNotFoundError):
        made_at = datetime.fromtimestamp((place / _MARKER).stat().st_mtime, UTC)
        return StoredImage(place.name, made_at, tree_usage(place).bytes)
    return None


def _remove_leftovers(needed: Collection[str], now: datetime) -> None:
    """Remove what builds and removals that were killed have left, once no build can be at it any more."""
    oldest = (now - timedelta(seconds=settings.BUILD_TIME_LIMIT_SECONDS) - _MARGIN).timestamp()
    for place in _places():
        with suppress(FileNotFoundError):
            if place.name not in needed and not (place / _MARKER).is_file() and place.stat().st_mtime < oldest:
                remove_unless_held(place)
    remove_remains(_images())


def _cache() -> Path:
    """On the disk the images are on, so that uv links files into them instead of copying."""
    return Path(settings.CARREL_DATA) / "cache" / "uv"


def _cache_bytes() -> int:
    return tree_usage(_cache()).bytes if _cache().is_dir() else 0


def _bound_cache() -> None:
    """Have uv remove what it will not use again, and everything if that is not enough."""
    if not _cache().is_dir():
        return
    _ask_uv("cache", "prune")
    if _cache_bytes() > cache_budget_bytes():
        _ask_uv("cache", "clean")


def _ask_uv(*arguments: str) -> None:
    """Run uv; what it cannot do today, because a build is using its cache for instance, it does another day."""
    environment = inherited_environment() | {
        "UV_CACHE_DIR": str(_cache()),
        "UV_LOCK_TIMEOUT": str(_LOCK_SECONDS),
        "UV_NO_CONFIG": "1",
    }
    try:
        subprocess.run(
            [uv.find_uv_bin(), *arguments, "--quiet"],
            cwd=settings.CARREL_DATA,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_CLEANING_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", None) or ""
        logger.warning("uv %s: %s %s", " ".join(arguments), error, said)


def _directory(image_key: str) -> Path:
    if not _KEY.fullmatch(image_key):
        raise ValueError(f"not an image key: {image_key!r}")
    return _images() / image_key


def _labels(image_key: str) -> dict[str, str]:
    return {**installation_label(Path(settings.CARREL_DATA)), _IMAGE_KEY: image_key}


@dataclass(frozen=True)
class _Build:
    """One attempt, in the folder of its image."""

    request: BuildRequest
    directory: Path

    @property
    def repository(self) -> Path:
        return self.directory / "repo"

    @property
    def venv(self) -> Path:
        return self.directory / "venv"

    @property
    def home(self) -> Path:
        """An empty home for the programs that build: no settings of anybody's, removed at the end."""
        return self.directory / "home"

    @property
    def labels(self) -> dict[str, str]:
        return {**_labels(self.request.image_key), _BUILD_ID: self.request.build_id}

    def run(self) -> Generator[BuildEvent, None, None]:
        """All the steps. The image is finished when this ends."""
        self.home.mkdir(parents=True)
        (self.directory / _OWNER).write_text(self.request.build_id)
        secrets = spellings_of(self.request.credential)
        commands = Commands(self.labels, self.request.time_limit_seconds, self._places(), secrets)
        for line in self._fetch(commands):
            yield BuildEvent(BuildPhase.FETCHING, line)
        for line in self._make(commands):
            yield BuildEvent(BuildPhase.BUILDING, line)
        remove_tree(self.home)
        self._finish()

    def clean_up(self) -> None:
        """Leave nothing, unless another build of this image has begun since: then the folder is its own."""
        end_labelled(self.labels)
        with suppress(FileNotFoundError):
            if (self.directory / _OWNER).read_text() != self.request.build_id:
                return
        remove_tree(self.directory)

    def _fetch(self, commands: Commands) -> Generator[str, None, None]:
        repository = self.request.repository
        facts = {"url": unmarked(repository.url), "commit": short_commit(repository.commit, 12)}
        yield _("Fetching {url} at {commit}").format(**facts)
        yield from source_of(self.request, self.repository, self.home, commands).make()

    def _make(self, commands: Commands) -> Generator[str, None, None]:
        recipe = detect(self.repository)
        yield _("Making a virtual environment")
        yield from self._create_venv(commands, recipe)
        yield _("Installing JupyterLab and the packages the repository asks for")
        yield from self._install(commands, recipe)
        if recipe.post_build:
            yield _("Running postBuild")
            yield from self._run_post_build(commands, recipe.post_build)

    def _create_venv(self, commands: Commands, recipe: VenvRecipe) -> Generator[str, None, None]:
        arguments = [uv.find_uv_bin(), "venv", "--quiet", "--python", recipe.python or sys.executable, str(self.venv)]
        try:
            yield from commands.run(arguments, directory=self.repository, environment=self._uv_environment())
        except CommandFailed as failure:
            raise python_error(failure.lines, version=recipe.python) from failure

    def _install(self, commands: Commands, recipe: VenvRecipe) -> Generator[str, None, None]:
        """Everything in one resolution, so that nothing installed first rules out what comes next."""
        files = [*recipe.requirements, *self._listed_packages(recipe)]
        arguments = [
            *(uv.find_uv_bin(), "pip", "install", "--python", str(self.venv / "bin" / "python")),
            # Compiled now, once, rather than at each first start: it halves the time a server needs.
            "--compile-bytecode",
            # Requirements files are written for pip, which takes the best version whichever index has it.
            *("--index-strategy", "unsafe-best-match"),
            *SERVER_REQUIREMENTS,
            *(word for file in files for word in ("--requirement", str(file))),
            *([self._source().as_uri()] if recipe.installs_project else []),
        ]
        directory = recipe.packages_directory or self.repository
        try:
            yield from commands.run(arguments, directory=directory, environment=self._uv_environment())
        except CommandFailed as failure:
            raise install_error(failure.lines) from failure
        self._remove_intermediate(recipe)

    def _listed_packages(self, recipe: VenvRecipe) -> list[Path]:
        """The packages of environment.yml as a file beside it, since paths in it are relative to there."""
        if recipe.packages_directory is None:
            return []
        file = self._listing(recipe.packages_directory)
        with file.open("x") as listing:
            listing.write("\n".join(recipe.packages) + "\n")
        return [file]

    def _listing(self, directory: Path) -> Path:
        return directory / f".carrel-{self.request.build_id}.txt"

    def _source(self) -> Path:
        """A copy of the repository to build its package in, which would leave its traces there."""
        source = self.directory / "source"
        copy_tree(self.repository, source)
        return source

    def _remove_intermediate(self, recipe: VenvRecipe) -> None:
        remove_tree(self.directory / "source")
        if recipe.packages_directory is not None:
            self._listing(recipe.packages_directory).unlink()

    def _run_post_build(self, commands: Commands, script: Path) -> Generator[str, None, None]:
        try:
            yield from commands.run(
                _script_arguments(script), directory=self.repository, environment=self._script_environment()
            )
        except CommandFailed as failure:
            raise script_error(failure.lines) from failure

    def _finish(self) -> None:
        repository = self.request.repository
        facts = {"repository": repository.url, "commit": repository.commit, "builder": f"venv {VenvBuilder.version}"}
        unfinished = self.directory / f".{_MARKER}.{secrets.token_hex(4)}"
        unfinished.write_text(json.dumps(facts, indent=1))
        unfinished.replace(self.directory / _MARKER)

    def _places(self) -> Mapping[str, str]:
        """What the log shows instead of the folders of this machine."""
        return {
            self.source_uri: "",
            f"{self.directory / 'source'}/": "",
            f"{self.repository}/": "",
            str(self.repository): ".",
            f"{self.directory}/": "",
            str(settings.CARREL_DATA): "…",
        }

    @property
    def source_uri(self) -> str:
        return (self.directory / "source").as_uri()

    def _uv_environment(self) -> dict[str, str]:
        return inherited_environment() | {
            "HOME": str(self.home),
            "NO_COLOR": "1",
            "UV_CACHE_DIR": str(_cache()),
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_INSTALL_DIR": str(Path(settings.CARREL_DATA) / "pythons"),
        }

    def _script_environment(self) -> dict[str, str]:
        """The environment first on the path; the repository as home, as it will be in servers, but no caches there."""
        inherited = inherited_environment()
        return inherited | {
            "HOME": str(self.repository),
            "PATH": os.pathsep.join([str(self.venv / "bin"), inherited.get("PATH", os.defpath)]),
            "VIRTUAL_ENV": str(self.venv),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }


def _script_arguments(script: Path) -> list[str]:
    """How to run a script as its first line wants it, or as a shell script without one."""
    with script.open("rb") as file:
        has_interpreter = file.read(2) == b"#!"
    if not has_interpreter:
        return ["/bin/sh", str(script)]
    script.chmod(stat.S_IMODE(script.stat().st_mode) | stat.S_IXUSR)
    return [str(script)]
