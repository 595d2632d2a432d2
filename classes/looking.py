"""A teacher looks at what a student has saved: read, never changed, noted each time, and told to the student.

Hidden files are left alone: they are of programs, and may hold keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from accounts.models import User
from classes.class_servers import server_of
from classes.errors import CourseError
from classes.models import Look, Membership
from classes.models.look import MAX_PATH
from classes.notebooks import MAX_BYTES
from classes.saved_files import opened
from environments.backends import volume_store
from environments.errors import SystemFailure, UserError
from environments.values import FolderListing
from environments.volumes.archive import printable

MAX_DOWNLOAD_BYTES = 50_000_000
LISTING_SECONDS = 10.0
ONE_LOOK = timedelta(minutes=10)
"""Who looks at the same thing again within this time has looked once."""
KEPT_FOR = timedelta(days=365)


def list_folder(student: Membership, path: str, *, by: User, now: datetime) -> FolderListing:
    """What is in a folder of the student's server of the class, hidden entries left out.

    Raises CourseError `no_server_yet` and `file_missing`.
    """
    with _reported(student, path):
        listing = volume_store().list_folder(_volume(student), _checked(path), time_limit_seconds=LISTING_SECONDS)
    _note(student, Look.Kind.FOLDER, path, by=by, now=now)
    shown = tuple(entry for entry in listing.entries if _is_shown(entry.name))
    return FolderListing(shown, is_complete=listing.is_complete)


def read_file(student: Membership, path: str, *, by: User, now: datetime, is_download: bool = False) -> bytes:
    """A file of the student's server of the class.

    Raises CourseError `no_server_yet`, `file_missing` and `file_too_large`.
    """
    most = MAX_DOWNLOAD_BYTES if is_download else MAX_BYTES
    with _reported(student, path), opened(_volume(student), _checked(path), max_bytes=most) as file:
        content = b"".join(file.content)
    _note(student, Look.Kind.DOWNLOAD if is_download else Look.Kind.FILE, path, by=by, now=now)
    return content


def forget_old_looks(now: datetime) -> None:
    """Delete what is too long ago to matter."""
    Look.objects.filter(at__lt=now - KEPT_FOR).delete()


def _volume(student: Membership) -> str:
    server = server_of(student)
    if server is None:
        raise CourseError("no_server_yet", who=student.person.get_full_name())
    return server.volume.key


@contextmanager
def _reported(student: Membership, path: str) -> Iterator[None]:
    """What the volume store says, in words for a teacher. A server that was never started has no files yet."""
    words = {"volume_path_invalid": "file_missing", "volume_too_large": "file_too_large"}
    try:
        yield
    except SystemFailure as error:
        if error.code != "volume_missing":
            raise
        raise CourseError("no_server_yet", who=student.person.get_full_name()) from error
    except UserError as error:
        if error.code not in words:
            raise
        raise CourseError(words[error.code], path=printable(path)) from error


def _checked(path: str) -> str:
    """Raise UserError `volume_path_invalid` for hidden files and endless paths; the store refuses what leads out."""
    if len(path) > MAX_PATH or not all(map(_is_shown, PurePosixPath(path).parts)):
        raise UserError("volume_path_invalid", path=printable(path))
    return path


def _is_shown(name: str) -> bool:
    """Whether it is not hidden, and a name that an address can say."""
    return not name.startswith(".") and printable(name) == name[:200]


def _note(student: Membership, kind: Look.Kind, path: str, *, by: User, now: datetime) -> None:
    same = Look.objects.filter(membership=student, by=by, kind=kind, path=path, at__gt=now - ONE_LOOK)
    if not same.update(at=now):
        Look.objects.create(membership=student, by=by, kind=kind, path=path, at=now)
