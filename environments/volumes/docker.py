"""Volumes of a Docker Engine: what the Docker spawner gives to its servers.

Files are reached through a container that holds the volume and is never started: the engine reads and writes
for us, without running anything and whether or not a server is at work. Whoever works in a volume may have put
links in it; the container is empty but for the volume, so there is nowhere for them to lead.
"""

from __future__ import annotations

import math
import re
import secrets
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, cast

from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import Mount

from environments.engine import KIND_LABEL, VOLUME_LABEL, client, engine_errors, having, installation_labels
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.trees import full_disk_reported
from environments.values import FolderEntry, FolderListing, VolumeUsage
from environments.volumes.archive import Entry, check_path, listing_of, pack, printable, unpack
from environments.volumes.engine_files import kind_of, read_tar, write_tar

OWNER_ID = 1000
"""The user all servers run as. Everything in a volume belongs to it, or it could not be changed in a server."""

_KEY = re.compile(r"[a-z]+-[0-9a-f]{32}(?:-[0-9a-f]{16})?")
_HOLDER_IMAGE, _HOLDER_TAG = "carrel-volume-holder", "1"
_HOLDER = {KIND_LABEL: "volume-holder"}
_PLACE = "/v"
_NAME = "files"
_ROOT = PurePosixPath(_PLACE, _NAME)
_STALE_SECONDS = 6 * 3600
_IN_MEMORY = 1 << 22
_PIECE = 1 << 18


def volume_name(volume: str) -> str:
    """What the engine calls the volume of this key: the same wherever Carrel is moved to.

    Raises ValueError for what cannot be a key.
    """
    if not _KEY.fullmatch(volume):
        raise ValueError(f"not a volume key: {volume!r}")
    return f"carrel-{volume}"


def volume_labels(volume: str) -> dict[str, str]:
    """What the volume of this key is labelled with."""
    return {**installation_labels(), VOLUME_LABEL: volume}


def make_volume(volume: str) -> None:
    """Have the engine make the volume, as empty as it comes; nothing when it exists."""
    client().api.create_volume(volume_name(volume), labels=volume_labels(volume))


def volume_exists(volume: str) -> bool:
    """Whether the engine has the volume of this key."""
    try:
        client().api.inspect_volume(volume_name(volume))
    except NotFound:
        return False
    return True


def remove_container(container: str) -> None:
    """Remove a container that has a volume, running or not. Raises NotFound when it is not there."""
    try:
        client().api.remove_container(container, v=True, force=True)
    except APIError as error:
        if "already in progress" not in str(error):
            raise


def remove_all(labels: Mapping[str, str]) -> None:
    """Remove all containers and volumes that carry these labels, the containers first."""
    api = client().api
    for container in api.containers(all=True, filters=having(labels)):
        with suppress(NotFound):
            remove_container(container["Id"])
    for volume in api.volumes(filters=having(labels))["Volumes"] or ():
        with suppress(NotFound):
            api.remove_volume(volume["Name"])


class DockerVolumeStore:
    """Keeps each volume in a named volume of the engine."""

    def create(self, volume: str) -> None:
        """Make an empty volume; does nothing when it exists."""
        with engine_errors():
            if not volume_exists(volume):
                make_volume(volume)
                with _holder(volume) as holder:
                    write_tar(holder, _PLACE, owned_folders([_NAME]))

    def exists(self, volume: str) -> bool:
        """Whether there is such a volume."""
        with engine_errors():
            return volume_exists(volume)

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        """A tar stream of the file or folder at `path`, links and devices left out."""
        place = check_path(path)
        with engine_errors(), _holder(_existing(volume)) as holder:
            _check_readable(holder, place)
        # Not held meanwhile: who asked may never begin to read.
        return _reading(volume, place)

    def list_folder(self, volume: str, path: str = "", *, time_limit_seconds: float | None = None) -> FolderListing:
        """What is in the folder at `path`. The engine lists nothing, so all that is below it passes by here."""
        place, found, is_complete = check_path(path), list[FolderEntry](), True
        with engine_errors(), _holder(_existing(volume)) as holder:
            _check_readable(holder, place)
            kind = kind_of(holder, str(_ROOT / place))
            if kind is None or not kind.is_folder:
                raise UserError("volume_path_invalid", path=printable(path))
            with closing(read_tar(holder, str(_ROOT / place))) as stream:
                try:
                    found.extend(_directly_inside(_members(_until(_deadline(time_limit_seconds), stream))))
                except _TimeOver:
                    is_complete = False
        return listing_of(found, is_complete=is_complete)

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        """Unpack a tar stream below the folder `path`. Nothing is written before the stream has ended or failed."""
        place = check_path(path)
        with engine_errors(), _holder(_existing(volume)) as holder, tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
            archive = cast("IO[bytes]", spool)
            folders, trouble = _spool(archive, place, unpack(stream, max_bytes=max_bytes))
            missing = [_header(_folder(_NAME / folder)) for folder in _missing_folders(holder, folders)]
            write_tar(holder, _PLACE, chain(missing, iter(partial(archive.read, _PIECE), b"")))
            if trouble is not None:
                raise trouble

    def usage(self, volume: str, *, time_limit_seconds: float | None = None) -> VolumeUsage:
        """How much it holds, links not followed. Reads all of it, so it takes a while for large ones.

        The size of a file is known before its content, so that one that is too large to be read still counts.
        """
        total = count = 0
        deadline = _deadline(time_limit_seconds)
        with (
            suppress(_TimeOver),
            engine_errors(),
            _holder(_existing(volume)) as holder,
            closing(read_tar(holder, str(_ROOT))) as stream,
        ):
            for member, _content in _members(_until(deadline, stream)):
                if not member.isdir():
                    total += len(member.linkname) if member.issym() else member.size
                    count += 1
            return VolumeUsage(bytes=total, files=count)
        return VolumeUsage(bytes=total, files=count, is_complete=False)

    def snapshot(self, volume: str) -> str:
        """Copy the volume, links and all, and return the key of the copy, a volume like any other."""
        purpose, identifier = _existing(volume).split("-")[:2]
        key = f"{purpose}-{identifier}-{secrets.token_hex(8)}"
        try:
            with engine_errors():
                make_volume(key)
                with _holder(volume) as source, _holder(key) as target:
                    write_tar(target, _PLACE, read_tar(source, str(_ROOT)))
        except BaseException:
            self.delete(key)
            raise
        return key

    def delete(self, volume: str) -> None:
        """Remove the volume with all it holds; nothing when it is not there."""
        with engine_errors():
            remove_all(volume_labels(volume))
            with suppress(NotFound):  # What the engine made itself, or somebody put back, has no label of ours.
                client().api.remove_volume(volume_name(volume))


def owned_folders(paths: Iterable[str]) -> Iterator[bytes]:
    """A tar stream of these folders, which belong to the user of all servers; existing ones keep what they hold."""
    for path in paths:
        yield _header(_folder(PurePosixPath(path)))
    yield bytes(2 * tarfile.BLOCKSIZE)


# --- Holding -----------------------------------------------------------------------------------------------


def _existing(volume: str) -> str:
    with engine_errors():
        if not volume_exists(volume):
            raise SystemFailure("volume_missing", detail=volume)
    return volume


@contextmanager
def _holder(volume: str) -> Iterator[str]:
    """A container that is never started, with the volume at `_ROOT` and nothing else in it."""
    container = _make_holder(volume)
    try:
        yield container
    finally:
        with suppress(NotFound):
            remove_container(container)


def _make_holder(volume: str) -> str:
    _remove_stale_holders()
    try:
        return _create_holder(volume)
    except ImageNotFound:
        client().api.import_image_from_data(
            bytes(2 * tarfile.BLOCKSIZE),
            repository=_HOLDER_IMAGE,
            tag=_HOLDER_TAG,
            changes=[f'LABEL {KIND_LABEL}="{_HOLDER[KIND_LABEL]}"'],
        )
        return _create_holder(volume)


def _create_holder(volume: str) -> str:
    api = client().api
    mount = Mount(str(_ROOT), volume_name(volume), type="volume", no_copy=True, labels=volume_labels(volume))
    created = api.create_container(
        f"{_HOLDER_IMAGE}:{_HOLDER_TAG}",
        command=["never-started"],
        host_config=api.create_host_config(mounts=[mount], network_mode="none"),
        labels={**volume_labels(volume), **_HOLDER},
    )
    return str(created["Id"])


def _remove_stale_holders() -> None:
    """Remove what workers that were killed have left."""
    for holder in client().api.containers(all=True, filters=having({**installation_labels(), **_HOLDER})):
        if holder["Created"] < time.time() - _STALE_SECONDS:
            with suppress(NotFound):
                remove_container(holder["Id"])


# --- Reading -----------------------------------------------------------------------------------------------


def _check_readable(holder: str, path: PurePosixPath) -> None:
    """Raise `volume_path_invalid` unless a file or folder is there, reached through folders alone."""
    for place in (*reversed(path.parents), path):
        kind = kind_of(holder, str(_ROOT / place))
        if kind is None or kind.is_link or (place != path and not kind.is_folder):
            raise UserError("volume_path_invalid", path=printable(str(path)))


def _reading(volume: str, path: PurePosixPath) -> Iterator[bytes]:
    with engine_errors(), _holder(_existing(volume)) as holder:
        yield from pack(_entries(holder, path))


def _entries(holder: str, path: PurePosixPath) -> Iterator[Entry]:
    """Everything at `path`, named from its parent on, or from the root."""
    for member, content in _members(read_tar(holder, str(_ROOT / path))):
        name = PurePosixPath(member.name)
        relative = name if path.parts else name.relative_to(_NAME)
        if member.islnk():  # Another name of a file that came before, whose content is not repeated.
            yield from _entry_alone(holder, _ROOT / path.parent / relative, relative)
        elif relative.parts and (member.isdir() or member.isreg()):
            yield _entry(member, relative, content)


def _entry_alone(holder: str, place: PurePosixPath, name: PurePosixPath) -> Iterator[Entry]:
    with suppress(NotFound):
        for member, content in _members(read_tar(holder, str(place))):
            if member.isreg():
                yield _entry(member, name, content)
            return


def _entry(member: tarfile.TarInfo, name: PurePosixPath, content: Iterable[bytes]) -> Entry:
    return Entry(
        path=name,
        is_folder=member.isdir(),
        size=0 if member.isdir() else member.size,
        is_executable=bool(member.mode & 0o100),
        modified_at=member.mtime,
        content=content,
    )


def _members(stream: Iterator[bytes]) -> Iterator[tuple[tarfile.TarInfo, Iterable[bytes]]]:
    """What an archive made by the engine holds, each with its content, to be read before the next is asked for."""
    source = cast("IO[bytes]", _Readable(stream))
    with tarfile.open(fileobj=source, mode="r|", bufsize=1 << 16) as archive:
        while member := archive.next():
            archive.members.clear()  # type: ignore[attr-defined]  # Or it would remember all of them.
            file = archive.extractfile(member) if member.isreg() else None
            yield member, iter(partial(file.read, _PIECE), b"") if file is not None else ()


def _directly_inside(members: Iterable[tuple[tarfile.TarInfo, Iterable[bytes]]]) -> Iterator[FolderEntry]:
    """Of what the archive of a folder holds, the files and folders that are in it and not further below."""
    for member, _content in members:
        parts = PurePosixPath(member.name).parts
        if len(parts) != 2:  # The archive names the folder itself first.
            continue
        if member.isdir():
            yield FolderEntry(parts[1], is_folder=True, modified_at=member.mtime)
        elif member.isreg() or member.islnk():
            yield FolderEntry(parts[1], is_folder=False, size=member.size, modified_at=member.mtime)


class _TimeOver(Exception):
    """There is no time left to go on reading."""


def _deadline(time_limit_seconds: float | None) -> float:
    return math.inf if time_limit_seconds is None else time.monotonic() + time_limit_seconds


def _until(deadline: float, stream: Iterable[bytes]) -> Iterator[bytes]:
    for piece in stream:
        if time.monotonic() > deadline:
            raise _TimeOver
        yield piece


class _Readable:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end."""
        if not self._rest:
            self._rest = next((piece for piece in self._pieces if piece), b"")
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


# --- Writing -----------------------------------------------------------------------------------------------


def _spool(
    spool: IO[bytes], place: PurePosixPath, entries: Iterator[Entry]
) -> tuple[set[PurePosixPath], EnvironmentsError | None]:
    """Put the files of a stream aside, whole ones only, and return the folders they need, and what ended it early."""
    folders, trouble, end = {place}, None, 0
    with full_disk_reported():
        try:
            for entry in entries:
                target = place / entry.path
                folders.add(target if entry.is_folder else target.parent)
                if not entry.is_folder:
                    _spool_file(spool, replace(entry, path=PurePosixPath(_NAME) / target))
                end = spool.tell()
        except UserError as error:
            trouble = error
        spool.seek(end)
        spool.truncate()
        spool.write(bytes(2 * tarfile.BLOCKSIZE))
        spool.seek(0)
    return {parent for folder in folders for parent in (folder, *folder.parents) if parent.parts}, trouble


def _spool_file(spool: IO[bytes], entry: Entry) -> None:
    spool.write(_header(entry))
    for piece in entry.content:
        spool.write(piece)
    spool.write(bytes(-entry.size % tarfile.BLOCKSIZE))


def _missing_folders(holder: str, folders: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Those of the folders, from the top down, that have to be made.

    Raises `volume_path_invalid` where a file or a link is in the place of one.
    """
    missing: list[PurePosixPath] = []
    for folder in sorted(folders, key=lambda folder: len(folder.parts)):
        kind = None if folder.parent in missing else kind_of(holder, str(_ROOT / folder))
        if kind is None:
            missing.append(folder)
        elif kind.is_link or not kind.is_folder:
            raise UserError("volume_path_invalid", path=printable(str(folder)))
    return missing


def _folder(path: PurePosixPath) -> Entry:
    return Entry(path, is_folder=True, modified_at=int(time.time()))


def _header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(str(entry.path))
    info.type = tarfile.DIRTYPE if entry.is_folder else tarfile.REGTYPE
    info.mode = 0o755 if entry.is_folder or entry.is_executable else 0o644
    info.uid = info.gid = OWNER_ID
    info.mtime, info.size = entry.modified_at, entry.size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
