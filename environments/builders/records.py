"""Fetches the files of a record in an archive, each past the same guard as git, and unpacks an only one.

What arrives is compared with what the archive says of it. A record that is one zip or tar archive becomes what is
in that, without the one folder around it that most have, as Binder does.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import quote

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from environments.builders.commands import Commands
from environments.builders.downloading import download_beside
from environments.builders.fetching import MAX_BYTES
from environments.builders.placing import Tree
from environments.builders.unpacking import entries_of, is_archive
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.references import files_of, unmarked
from environments.references.addresses import read_url
from environments.references.archives import MAX_FILES, too_many_files
from environments.references.http import Answer
from environments.trees import remove_tree, tree_usage
from environments.values import RemoteFile, ResolvedRepository
from environments.volumes.archive import printable

MAX_PAUSE_SECONDS = 120
"""A host that wants to be left alone for longer is not waited for."""

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.5
_MAX_NAMED = 20
_RESTRICTED = (400, 401, 402, 403)
"""400 is how a Dataverse answers who has not filled in its guestbook."""
_GONE = (404, 410)
_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""The checksums that are compared, and how long they are."""


@dataclass(frozen=True)
class Download:
    """One version of a record, to be put into `directory`, which does not exist yet."""

    repository: ResolvedRepository
    directory: Path
    commands: Commands
    max_bytes: int = MAX_BYTES

    def make(self) -> Generator[str, None, None]:
        """Download and unpack, yielding what happens.

        Raises `record_empty`, `record_restricted`, `record_changed`, `record_too_many_files`, `record_file_refused`,
        `record_file_damaged`, `archive_unreadable`, `archive_suspicious`, `repository_too_large`,
        `repository_unreachable`, `repository_rate_limited`, `build_timeout`, or what the guard raises.
        """
        files = yield from self.commands.wait_for(partial(files_of, self.repository))
        self._check(files)
        downloaded, unpacked = (self.directory.with_name(f"{self.directory.name}.{end}") for end in ("files", "all"))
        try:
            root = yield from self._download_all(files, downloaded)
            if root.is_file():
                root = yield from self._unpack(root, unpacked)
            if not tree_usage(root).files:
                raise UserError("record_empty", record=self.record)
            root.rename(self.directory)
        finally:
            remove_tree(downloaded)
            remove_tree(unpacked)

    @property
    def record(self) -> str:
        """What errors call the record: the address of its page."""
        return unmarked(self.repository.url)

    def _check(self, files: Sequence[RemoteFile]) -> None:
        if not files:
            raise UserError("record_empty", record=self.record)
        if len(files) > MAX_FILES:
            raise too_many_files(self.record)
        if sum(file.size or 0 for file in files) > self.max_bytes:
            raise self.too_large()

    def too_large(self) -> UserError:
        """What to raise for more than is allowed."""
        return UserError("repository_too_large", megabytes=self.max_bytes // 1_000_000)

    # --- Downloading -----------------------------------------------------------------------------------------

    def _download_all(self, files: Sequence[RemoteFile], folder: Path) -> Generator[str, None, Path]:
        """Download all files into the folder. Returns it, or the only file if that is an archive."""
        folder.mkdir()
        tree = Tree(folder, self.record)
        places = _places(files, tree)
        room = self.max_bytes
        for path, file in places.items():
            size = f" ({filesizeformat(file.size)})" if file.size is not None else ""
            yield _("Downloading {path}").format(path=printable(str(path))) + size
            with tree.new_file(path) as target:
                arrival = _Arrival(file, target, self, room)
                yield from self._download(file, arrival)
            arrival.check_whole()
            room -= arrival.count
        only = next(iter(places), None) if len(files) == 1 else None
        return folder / only if only and is_archive(only.name) else folder

    def _download(self, file: RemoteFile, arrival: _Arrival) -> Generator[str, None, None]:
        """Download one file, again when the host asks for a pause that is not too long."""
        url = self._address(file)
        for _attempt in range(_ATTEMPTS):
            answer = yield from download_beside(url, arrival.take)
            if answer.status == 200:
                return
            if not answer.has_had_enough or answer.seconds_to_wait() > MAX_PAUSE_SECONDS:
                break
            yield from self._pause(answer.seconds_to_wait())
        raise self._refusal(file, answer)

    def _address(self, file: RemoteFile) -> str:
        """Where the file is. Not every archive encodes what it says."""
        try:
            return read_url(quote(file.url, safe="%/:=&?~#+!$,;'@()*[]")).geturl()
        except UserError as error:
            if error.code == "repository_invalid":
                raise self.damaged(file, f"no address: {file.url[:200]!r}") from error
            raise

    def _pause(self, seconds: float) -> Generator[str, None, None]:
        ends_at = time.monotonic() + seconds
        while (remaining := ends_at - time.monotonic()) > 0:
            self.commands.check_time()
            yield ""
            time.sleep(min(remaining, _PAUSE_SECONDS))

    def _refusal(self, file: RemoteFile, answer: Answer) -> EnvironmentsError:
        if answer.status in _GONE:
            return self.damaged(file, f"HTTP status {answer.status}")
        if answer.status in _RESTRICTED and not answer.has_had_enough:
            return UserError("record_restricted", record=self.record)
        return answer.refusal()

    def damaged(self, file: RemoteFile, detail: str) -> SystemFailure:
        """What to raise for a file that is not what the archive says."""
        return SystemFailure("record_file_damaged", record=self.record, path=printable(file.path), detail=detail)

    # --- Unpacking -------------------------------------------------------------------------------------------

    def _unpack(self, archive: Path, folder: Path) -> Generator[str, None, Path]:
        """Unpack into the folder. Returns it, or the only folder in it."""
        yield _("Unpacking {path}").format(path=printable(archive.name))
        folder.mkdir()
        tree = Tree(folder, self.record)
        left_out = list[str]()
        with self._words_of_records(archive):
            for entry in entries_of(archive, max_bytes=self.max_bytes, leave_out=left_out.append):
                for _piece in tree.add(entry):
                    self.commands.check_time()
                    yield ""
        for name in left_out[:_MAX_NAMED]:
            yield _("Left out, because it is a link and not a file: {path}").format(path=printable(name))
        return _without_wrapping(folder)

    @contextmanager
    def _words_of_records(self, archive: Path) -> Iterator[None]:
        """Say of records what those who read archives for volumes say of volumes."""
        try:
            yield
        except UserError as error:
            if error.code == "volume_too_large":
                raise self.too_large() from error
            if error.code == "volume_path_invalid":
                path = str(error.facts["path"])
                raise UserError("record_file_refused", record=self.record, path=path) from error
            if error.code == "volume_archive_invalid":
                raise UserError("archive_unreadable", path=archive.name, detail=error.detail) from error
            raise


class _Arrival:
    """A file that is being downloaded, and what is known of it so far."""

    def __init__(self, file: RemoteFile, target: IO[bytes], download: Download, room: int) -> None:
        self.count = 0
        self._file = file
        self._target = target
        self._download = download
        self._room = room
        algorithm, self._expected = _vouched(file.checksum)
        self._digest = hashlib.new(algorithm or "md5", usedforsecurity=False)

    def take(self, piece: bytes) -> None:
        """Keep what has come, unless it is more than was promised, or than is allowed."""
        self.count += len(piece)
        if self._file.size is not None and self.count > self._file.size:
            raise self._download.damaged(self._file, f"more than {self._file.size} bytes")
        if self.count > self._room:
            raise self._download.too_large()
        self._target.write(piece)
        if self._expected:
            self._digest.update(piece)
        self._download.commands.check_time()

    def check_whole(self) -> None:
        """Raise `record_file_damaged` unless this is what the archive says it is."""
        if self._file.size not in (None, self.count):
            raise self._download.damaged(self._file, f"{self.count} bytes instead of {self._file.size}")
        if self._expected and self._digest.hexdigest() != self._expected:
            raise self._download.damaged(self._file, f"{self._digest.name} {self._digest.hexdigest()}")


def _vouched(checksum: str) -> tuple[str, str]:
    """The algorithm and what has to come of it; nothing for what is no checksum of a whole file.

    Stores of objects say such things of what they got in parts.
    """
    algorithm, _colon, expected = checksum.lower().partition(":")
    is_whole = re.fullmatch(f"[0-9a-f]{{{_DIGITS.get(algorithm, 0)}}}", expected)
    return (algorithm, expected) if expected and is_whole else ("", "")


def _places(files: Sequence[RemoteFile], tree: Tree) -> dict[PurePosixPath, RemoteFile]:
    """Where each file goes. Of those with one name, all but the first go into a folder of their own."""
    places: dict[PurePosixPath, RemoteFile] = {}
    for file in files:
        path = tree.path_for(file.path)
        if path in places:
            path = tree.path_for(f"{file.key}/{file.path}")
        if path in places:
            raise tree.refused(file.path)
        if path:
            places[path] = file
    return places


def _without_wrapping(folder: Path) -> Path:
    """The only folder in a folder, or the folder itself."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder
