"""What a build begins with: a commit fetched by git, or the files of a record in an archive."""

from __future__ import annotations

from pathlib import Path

from environments.builders.commands import Commands
from environments.builders.fetching import Checkout
from environments.builders.records import Download
from environments.references import is_record
from environments.values import BuildRequest


def source_of(request: BuildRequest, directory: Path, home: Path, commands: Commands) -> Checkout | Download:
    """How to get what the request is for into `directory`, which does not exist yet: `make` does it.

    `home` is an empty folder. An archive is not shown the credential, which is for a git host.
    """
    if is_record(request.repository):
        return Download(request.repository, directory, commands)
    return Checkout(request.repository, directory, home, commands, credential=request.credential)
