"""The commands that make a class's environment on a machine without Carrel: a lab computer, or at home. Pure.

Addresses are somebody else's words: every one of them is quoted for the shell it is meant for, and everything is
pinned to one commit, so that all of a class have the same wherever they are.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FOLDER = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_POWERSHELL_QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")
"""PowerShell ends a text in single quotes at any of these."""


class System(StrEnum):
    """What the commands are typed into."""

    POSIX = "posix"
    """A terminal on Linux or macOS."""
    WINDOWS = "windows"
    """PowerShell."""


@dataclass(frozen=True, slots=True)
class Source:
    """What to make the environment from. `folder` is what it is called on the other machine.

    Raises ValueError for an address or a commit that git on another machine could make nothing of, so that no option
    can be taken for one.
    """

    url: str
    commit: str
    folder: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")) or not self.url.isprintable() or " " in self.url:
            raise ValueError(f"not an address to clone from: {self.url!r}")
        if not _COMMIT.fullmatch(self.commit):
            raise ValueError(f"not a commit: {self.commit!r}")
        if not _FOLDER.fullmatch(self.folder):
            raise ValueError(f"not a name for a folder: {self.folder!r}")

    @property
    def address(self) -> str:
        """The URL, without what no shell passes on unharmed."""
        return self.url.replace('"', "%22")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to make it: what it is called, when it is the right one, and the commands by system."""

    key: str
    title: str
    about: str
    commands: dict[System, str]


def ways(source: Source) -> list[Way]:
    """Every way there is, the one that most people have the programs for first."""
    return [_pip(source), _conda(source), _repo2docker(source)]


def quoted(text: str, system: System) -> str:
    """The text as one word of a command."""
    if system is System.POSIX:
        return shlex.quote(text)
    return "'" + _POWERSHELL_QUOTES.sub(r"\1\1", text) + "'"


def repo2docker_command(source: Source) -> str:
    """The one command that honours everything a repository can ask for."""
    return f"jupyter-repo2docker --ref {source.commit} {quoted(source.address, System.POSIX)}"


def _pip(source: Source) -> Way:
    return Way(
        key="pip",
        title=_("With Python and pip"),
        about=_("Where the repository has a requirements.txt. You need git and Python."),
        commands={
            System.POSIX: _lines(
                *_checkout(source, System.POSIX),
                "python3 -m venv .venv",
                ".venv/bin/python -m pip install jupyterlab -r requirements.txt",
                ".venv/bin/python -m jupyter lab",
            ),
            System.WINDOWS: _lines(
                *_checkout(source, System.WINDOWS),
                "py -m venv .venv",
                r".venv\Scripts\python -m pip install jupyterlab -r requirements.txt",
                r".venv\Scripts\python -m jupyter lab",
            ),
        },
    )


def _conda(source: Source) -> Way:
    make = (
        "conda env create --prefix ./.conda --file environment.yml",
        "conda install --prefix ./.conda --channel conda-forge jupyterlab",
        "conda run --prefix ./.conda --no-capture-output jupyter lab",
    )
    return Way(
        key="conda",
        title=_("With conda"),
        about=_("Where the repository has an environment.yml. You need git and conda (Miniforge or Anaconda)."),
        commands={system: _lines(*_checkout(source, system), *make) for system in System},
    )


def _repo2docker(source: Source) -> Way:
    return Way(
        key="repo2docker",
        title=_("With repo2docker"),
        about=_(
            "The same as here, whatever the repository asks for: a Dockerfile, system packages, R or Julia too. You "
            "need Python, git and Docker; on Windows, type it into a WSL terminal."
        ),
        commands={System.POSIX: _lines("python3 -m pip install jupyter-repo2docker", repo2docker_command(source))},
    )


def _checkout(source: Source, system: System) -> tuple[str, ...]:
    return (
        f"git clone --recurse-submodules {quoted(source.address, system)} {source.folder}",
        f"cd {source.folder}",
        f"git checkout --detach {source.commit}",
    )


def _lines(*commands: str) -> str:
    return "\n".join(commands)
