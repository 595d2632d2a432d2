"""Files that never change, kept by the SHA-256 of what is in them: bundles of notebooks, and databases that grade them.

Kept in the storage `artefacts` of the settings, so that all workers can reach them. What no row names any more is
removed by `sweep`, some time after it was kept last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import cast

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from assignments.artefact_storage import SharedFolder
from assignments.errors import AssignmentError, AssignmentFailure

SPARED = timedelta(days=2)
"""What is younger may belong to a row that is being written."""


def keep(content: bytes) -> str:
    """Keep this, unless it is there already, and return the name by which it is found again: its SHA-256.

    It is not swept for some time from now on, so that there is time to write it into a row. Raises AssignmentFailure
    `artefacts_unreachable`.
    """
    name = hashlib.sha256(content).hexdigest()
    with _reached():
        if not _is_fresh(name):
            _storage().save(_path(name), ContentFile(content))
    return name


def read(name: str) -> bytes:
    """What is kept by this name.

    Raises AssignmentError `artefact_missing` where it is gone or not what was kept, and AssignmentFailure
    `artefacts_unreachable`.
    """
    try:
        with _reached(), _storage().open(_path(name)) as stored:
            content = bytes(stored.read())
    except FileNotFoundError as error:
        raise AssignmentError("artefact_missing", detail=name) from error
    if hashlib.sha256(content).hexdigest() != name:
        raise AssignmentError("artefact_missing", detail=f"{name} has been changed")
    return content


def sweep(needed: Iterable[str], *, now: datetime) -> int:
    """Remove what none of these names, and was not kept of late; returns how many. Safe to repeat."""
    kept = set(needed)
    storage = _storage()
    old = (name for name in _names(storage) if name not in kept)
    return sum(storage.remove_if_old(_path(name), before=now - SPARED) for name in old)


@contextmanager
def _reached() -> Iterator[None]:
    """A full disk, or a storage that does not answer, in our words; what is not there is another matter."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise AssignmentFailure("artefacts_unreachable", detail=str(error)) from error


def _is_fresh(name: str) -> bool:
    """Whether it is there, and no sweep will take it for a long while."""
    try:
        return _storage().get_modified_time(_path(name)) > timezone.now() - SPARED / 2
    except FileNotFoundError:
        return False


def _names(storage: SharedFolder) -> Iterator[str]:
    folders, _files = storage.listdir("") if storage.exists("") else ([], [])
    for folder in folders:
        yield from storage.listdir(folder)[1]


def _path(name: str) -> str:
    return f"{name[:2]}/{name}"


def _storage() -> SharedFolder:
    return cast("SharedFolder", storages["artefacts"])
