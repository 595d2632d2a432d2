"""A teacher's own files, from which the notebooks of an assignment can be taken: those of their server of the class,
and their personal files, which every server of theirs has in `~/home`.

They are read as they were saved last, whether or not a server runs. Hidden files are left alone: they are of programs,
and may hold keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from accounts.models import User
from assignments import files
from assignments.errors import AssignmentError
from assignments.files import JUNK, SUFFIX, Bundle, File
from assignments.models import Assignment, Origin, Source
from assignments.releasing.authoring import LIMITS, bring_source
from assignments.submitting.fetching import home_of
from classes.files import SHARED_FOLDER
from classes.launching import place_of
from classes.policies import Standing
from environments.backends import volume_store
from environments.errors import SystemFailure, UserError
from environments.mounts import HOME_MOUNT
from environments.values import FolderEntry, FolderListing
from environments.volumes.archive import check_path, printable

LISTING_SECONDS = 10.0
MAX_CHOSEN = 100
"""So many things of one folder can be chosen, each of which is read by itself."""
_HOME = str(HOME_MOUNT)


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """A file or folder of the teacher's, with where it is."""

    name: str
    path: str
    is_folder: bool
    size: int
    is_chosen: bool
    """Whether it is among what is taken unless something else is said."""

    @property
    def is_notebook(self) -> bool:
        """Whether an assignment can be made of it."""
        return not self.is_folder and self.name.endswith(SUFFIX)


@dataclass(frozen=True, slots=True)
class OwnFolder:
    """What is in a folder of the teacher's; `path` as it is below `~` in their server."""

    path: str
    entries: tuple[OwnEntry, ...]
    is_complete: bool

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """The folders on the way to it, each its name and where it is."""
        parts = PurePosixPath(self.path).parts
        return [(name, "/".join(parts[: number + 1])) for number, name in enumerate(parts)]

    @property
    def has_notebooks(self) -> bool:
        """Whether something can be taken of it."""
        return any(entry.is_notebook for entry in self.entries)


def list_own(standing: Standing, path: str, *, by: User) -> OwnFolder:
    """What this person has in a folder, hidden entries left out. Raises AssignmentError `own_folder_missing`."""
    folder = _checked(path)
    is_top = folder in ("", _HOME)
    listing = _listing(standing, folder, by=by)
    entries = tuple(
        OwnEntry(
            entry.name,
            f"{folder}/{entry.name}" if folder else entry.name,
            entry.is_folder,
            entry.size,
            is_chosen=not (entry.is_folder and is_top),
        )
        for entry in listing.entries
        if _is_shown(entry.name)
    )
    return OwnFolder(folder, entries, listing.is_complete)


def bring_own(
    assignment: Assignment, standing: Standing, folder: str, names: Sequence[str], *, by: User, now: datetime
) -> Source:
    """Keep what this person has chosen in a folder of theirs as what the next release is to be made from.

    Raises what `bring_source` raises, and AssignmentError `own_folder_missing`, `own_files_none`,
    `own_files_too_many`, `files_too_large`, `files_too_many` and `files_refused`.
    """
    place = _checked(folder)
    chosen = list(dict.fromkeys(names))
    if not chosen:
        raise AssignmentError("own_files_none")
    if len(chosen) > MAX_CHOSEN:
        raise AssignmentError("own_files_too_many", most=MAX_CHOSEN)
    if not all(_is_shown(name) and PurePosixPath(name).parts == (name,) for name in chosen):
        raise _missing(folder)
    with _reported(place):
        bundle = _read(_volume(standing, place, by=by), _inside(place), chosen)
    return bring_source(assignment, bundle, origin=Origin.SERVER, detail=f"~/{place}", by=by, now=now)


# --- Steps -------------------------------------------------------------------------------------------------


def _listing(standing: Standing, folder: str, *, by: User) -> FolderListing:
    """At the top there is what the server has, and the personal files, whichever there is of them."""
    if folder:
        with _reported(folder):
            return _list(_volume(standing, folder, by=by), _inside(folder))
    server, home = place_of(standing).server, home_of(by)
    mine = FolderListing(())
    if server is not None and volume_store().exists(server.volume.key):
        with _reported(folder):
            mine = _list(server.volume.key, "")
    own = tuple(entry for entry in mine.entries if entry.name not in (_HOME, SHARED_FOLDER))
    top = (FolderEntry(_HOME, is_folder=True),) if home is not None and volume_store().exists(home.key) else ()
    return FolderListing((*top, *own), is_complete=mine.is_complete)


def _list(volume: str, path: str) -> FolderListing:
    return volume_store().list_folder(volume, path, time_limit_seconds=LISTING_SECONDS)


def _read(volume: str, folder: str, names: Iterable[str]) -> Bundle:
    found: list[File] = []
    for name in names:
        path = f"{folder}/{name}" if folder else name
        found.extend(files.from_tar(volume_store().read(volume, path), limits=LIMITS).bundle)
        if sum(len(file.content) for file in found) > LIMITS.max_bytes:
            break  # Which is what is said of it below.
    return files.from_files(((file.path, file.content) for file in found), limits=LIMITS).bundle


def _volume(standing: Standing, path: str, *, by: User) -> str:
    """The key of the volume that holds it. Raises UserError `volume_path_invalid` where there is none."""
    if _is_in_home(path):
        home = home_of(by)
        key = home.key if home is not None else ""
    else:
        server = place_of(standing).server
        key = server.volume.key if server is not None else ""
    if not key:
        raise UserError("volume_path_invalid", path=path)
    return key


def _inside(path: str) -> str:
    """Where it is in its volume."""
    return path.removeprefix(_HOME).lstrip("/") if _is_in_home(path) else path


def _is_in_home(path: str) -> bool:
    return PurePosixPath(path).parts[:1] == (_HOME,)


def _checked(path: str) -> str:
    typed = path.strip().removeprefix("~/").strip("/")
    try:
        parts = check_path(typed).parts
    except UserError as error:
        raise _missing(path) from error
    if not all(map(_is_shown, parts)):
        raise _missing(path)
    return "/".join(parts)


def _is_shown(name: str) -> bool:
    """Whether it is not hidden, nor what programs leave behind, and a name that a page can say."""
    return not name.startswith(".") and name not in JUNK and printable(name) == name[:200]


@contextmanager
def _reported(path: str) -> Iterator[None]:
    """What the volume store says, in words for a teacher."""
    try:
        yield
    except SystemFailure as error:
        if error.code != "volume_missing":
            raise
        raise _missing(path) from error
    except AssignmentError as error:
        if error.code != "files_refused":
            raise
        raise _missing(path) from error
    except UserError as error:
        if error.code != "volume_path_invalid":
            raise
        raise _missing(path) from error


def _missing(path: str) -> AssignmentError:
    return AssignmentError("own_folder_missing", folder=printable(path))
