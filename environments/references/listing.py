"""What lies in a repository, as far as its host tells without anything being fetched."""

from __future__ import annotations

import json
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from environments.errors import SystemFailure
from environments.references.http import Answer
from environments.values import Reference


@runtime_checkable
class Lists(Protocol):
    """A provider whose host lists the files of a commit."""

    def names_in(self, reference: Reference, commit: str, folder: str) -> list[str]:
        """The names of the files and folders in a folder of the commit, empty for its root.

        Raises SystemFailure when the host will not say.
        """


def names_listed(answer: Answer) -> list[str]:
    """The names in a list of files, as GitHub and GitLab both write it. Raises SystemFailure for anything else."""
    if answer.status != 200:
        raise answer.refusal()
    try:
        said = json.loads(answer.body)
        if isinstance(said, list):
            return [str(entry["name"]) for entry in said]
    except (ValueError, TypeError, KeyError):
        pass  # A page, or something else that is no list of files.
    raise SystemFailure("repository_unreachable", host=urlsplit(answer.url).netloc, detail="no list of files")
