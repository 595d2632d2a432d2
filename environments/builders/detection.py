"""Reads what a repository says it needs, as repo2docker would, and refuses what a virtual environment cannot give.

Looks at files only; nothing of the repository is executed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from environments.errors import UserError

MAX_FILE_BYTES = 128 * 1024
OLDEST_PYTHON = (3, 9)
"""The oldest Python the notebook server we install still runs on."""

FOLDERS = ("binder", ".binder")
"""Where a repository may keep the files that describe its environment; those at its top do not count then."""
DESCRIPTIONS = (
    *("Dockerfile", "environment.yml", "environment.yaml", "requirements.txt", "pyproject.toml", "setup.py"),
    *("Pipfile", "Pipfile.lock", "runtime.txt", "Project.toml", "JuliaProject.toml", "REQUIRE"),
    *("DESCRIPTION", "default.nix"),
)
"""By which of these repo2docker knows how to make an environment."""
SCRIPTS = ("apt.txt", "install.R", "postBuild", "start")
"""What is installed and run besides."""

_FEATURES = {
    "Dockerfile": gettext_noop("its Dockerfile"),
    "apt.txt": gettext_noop("the system packages in apt.txt"),
    "Project.toml": gettext_noop("Julia"),
    "JuliaProject.toml": gettext_noop("Julia"),
    "REQUIRE": gettext_noop("Julia"),
    "install.R": gettext_noop("R"),
    "DESCRIPTION": gettext_noop("R"),
    "default.nix": gettext_noop("Nix"),
    "Pipfile": gettext_noop("Pipenv"),
    "Pipfile.lock": gettext_noop("Pipenv"),
    "start": gettext_noop("its start script"),
}
_RUNTIME = re.compile(r"python-(\d+(?:\.\d+){0,2})")
_CONDA_NAME = re.compile(r"(?:[\w.-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<version>.*)", re.DOTALL)
_CONDA_EXACT = re.compile(r"={0,2}\s*(\d+(?:\.\d+){0,2})(?:\.?\*)?(?:=.*)?")
_CONDA_RANGE = re.compile(r"[<>!~=]=?\s*\d[\d.]*(?:\.\*)?(?:\s*,\s*[<>!~=]=?\s*\d[\d.]*(?:\.\*)?)*")


@dataclass(frozen=True, slots=True)
class VenvRecipe:
    """What to install for a repository. Paths are absolute and lie inside it."""

    python: str = ""
    """The version asked for, as uv understands it; empty for Carrel's own."""
    requirements: tuple[Path, ...] = ()
    """Requirements files."""
    packages: tuple[str, ...] = ()
    """What the pip part of environment.yml lists, line by line."""
    packages_directory: Path | None = None
    """What paths in `packages` are relative to."""
    installs_project: bool = False
    """Whether the repository is itself a Python package to install."""
    post_build: Path | None = None
    """The script to run at the end."""


def detect(repository: Path) -> VenvRecipe:
    """What the checked-out repository asks for.

    Raises UserError `no_environment_files`, `environment_files_ambiguous`, `environment_file_invalid`,
    `needs_docker` or `python_unavailable`.
    """
    repository = repository.resolve()
    files = _Files(repository, _folder(repository))
    _refuse_features(files)
    environment = files.find("environment.yml") or files.find("environment.yaml")
    recipe = _conda_recipe(files, environment) if environment else _pip_recipe(files)
    if recipe == VenvRecipe() and environment is None and files.find("runtime.txt") is None:
        raise UserError("no_environment_files")
    return recipe


def environment_files(repository: Path, names: Iterable[str]) -> list[Path]:
    """Those of the named files that the checked-out repository describes its environment with.

    Raises UserError `environment_files_ambiguous`, or `environment_file_invalid` for a link that leads out of it.
    """
    repository = repository.resolve()
    files = _Files(repository, _folder(repository))
    return [path for name in names if (path := files.find(name))]


def _folder(repository: Path) -> Path:
    """The folder that counts: `binder`, `.binder`, or the repository itself."""
    present = [repository / name for name in FOLDERS if (repository / name).is_dir()]
    if len(present) > 1:
        raise UserError("environment_files_ambiguous")
    folder = present[0] if present else repository
    if not folder.resolve().is_relative_to(repository):
        raise _invalid(folder.name, _("it is a link that leads out of the repository."))
    return folder


@dataclass(frozen=True)
class _Files:
    """The files of a repository that describe its environment."""

    repository: Path
    folder: Path

    @property
    def is_root(self) -> bool:
        return self.folder == self.repository

    def find(self, name: str) -> Path | None:
        """The file of this name in the folder that counts, or None."""
        path = self.folder / name
        if path.is_symlink() and not path.resolve().is_relative_to(self.repository):
            raise _invalid(name, _("it is a link that leads out of the repository."))
        return path if path.is_file() else None

    def read(self, path: Path) -> str:
        """Its text. Raises UserError `environment_file_invalid` for a huge file or one that is not text."""
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise _invalid(path.name, _("it is too large."))
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _invalid(path.name, _("it is not text in UTF-8.")) from error


def _invalid(file: str, problem: str) -> UserError:
    return UserError("environment_file_invalid", file=file, problem=problem[:300])


def _refuse_features(files: _Files) -> None:
    for name, feature in _FEATURES.items():
        if files.find(name):
            raise UserError("needs_docker", feature=_(feature))
    if (files.repository / ".gitmodules").is_file():
        raise UserError("needs_docker", feature=_("git submodules"))


# --- requirements.txt, pyproject.toml, setup.py, runtime.txt ------------------------------------------------


def _pip_recipe(files: _Files) -> VenvRecipe:
    requirements = files.find("requirements.txt")
    return VenvRecipe(
        python=_runtime(files),
        requirements=(requirements,) if requirements else (),
        installs_project=files.is_root and (_is_project(files) or files.find("setup.py") is not None),
        post_build=files.find("postBuild"),
    )


def _runtime(files: _Files) -> str:
    path = files.find("runtime.txt")
    if path is None:
        return ""
    text = files.read(path).strip()
    if text.startswith("r-"):
        raise UserError("needs_docker", feature=_("R"))
    match = _RUNTIME.fullmatch(text)
    if match is None:
        raise _invalid("runtime.txt", _("it has to consist of one line such as python-3.12."))
    return _python(match[1])


def _python(version: str) -> str:
    numbers = tuple(map(int, version.split(".")))
    if numbers == (3,):
        return ""
    if len(numbers) < 2 or numbers[0] != 3 or numbers[:2] < OLDEST_PYTHON:
        raise UserError("python_unavailable", version=version)
    return version


def _is_project(files: _Files) -> bool:
    """Whether pyproject.toml describes a package, and not only the settings of some tools."""
    path = files.find("pyproject.toml")
    if path is None:
        return False
    try:
        content = tomllib.loads(files.read(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _invalid("pyproject.toml", str(error)) from error
    return "project" in content or "build-system" in content


# --- environment.yml -----------------------------------------------------------------------------------------


def _conda_recipe(files: _Files, path: Path) -> VenvRecipe:
    content = _yaml(files, path)
    if content.get("variables"):
        raise UserError("needs_docker", feature=_("the variables in {file}").format(file=path.name))
    python, packages = _conda_dependencies(content.get("dependencies") or [], path.name)
    return VenvRecipe(
        python=python,
        packages=packages,
        packages_directory=path.parent if packages else None,
        post_build=files.find("postBuild"),
    )


def _yaml(files: _Files, path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(files.read(path))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _invalid(path.name, " ".join(str(error).split())) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise _invalid(path.name, _("it is not a list of settings."))
    return content


def _conda_dependencies(dependencies: Any, file: str) -> tuple[str, tuple[str, ...]]:
    """The version of Python and the pip packages. Anything else only conda can install."""
    if not isinstance(dependencies, list):
        raise _invalid(file, _("its dependencies are not a list."))
    python, packages, foreign = "", list[str](), list[str]()
    for dependency in dependencies:
        if isinstance(dependency, dict) and set(dependency) == {"pip"}:
            packages += _pip_packages(dependency["pip"], file)
            continue
        match = _CONDA_NAME.fullmatch(dependency.strip()) if isinstance(dependency, str) else None
        if match is None:
            raise _invalid(file, _("its dependencies are not a list of packages."))
        if match["name"] == "python":
            python = _conda_python(match["version"].strip())
        elif match["name"] != "pip":
            foreign.append(match["name"])
    if foreign:
        raise UserError("needs_docker", feature=_("the conda packages {names}").format(names=_listing(foreign)))
    return python, tuple(packages)


def _pip_packages(packages: Any, file: str) -> list[str]:
    if packages is None:
        return []
    if not isinstance(packages, list) or not all(isinstance(package, str) for package in packages):
        raise _invalid(file, _("its pip packages are not a list."))
    return [line for package in packages for line in package.splitlines()]


def _conda_python(version: str) -> str:
    if exact := _CONDA_EXACT.fullmatch(version):
        return _python(exact[1])
    if version and not _CONDA_RANGE.fullmatch(version):
        raise UserError("python_unavailable", version=version[:40])
    return version.replace(" ", "")


def _listing(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown}, …" if len(names) > 8 else shown
