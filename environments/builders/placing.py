"""Puts files into a new folder under names that nobody vouches for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from environments.errors import UserError
from environments.volumes.archive import Entry, check_path, printable

_REFUSED = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""What the disk says of a name that it cannot take, or that is taken."""


@dataclass(frozen=True)
class Tree:
    """A folder that nobody but us fills. So nothing in it leads elsewhere, and what is there already is not replaced.

    `record` is what errors call the origin of it all.
    """

    root: Path
    record: str

    def path_for(self, name: str) -> PurePosixPath | None:
        """Where a file of this name goes; None for what has no place in an environment.

        That is what Macs put beside each file, and git's own folder: whoever works in the environment would
        obey settings in it. Raises UserError `record_file_refused`.
        """
        try:
            path = check_path(name)
        except UserError as error:
            raise self.refused(name) from error
        if not path.parts or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
            raise self.refused(name)
        is_unwanted = path.parts[0] == "__MACOSX" or any(part.lower() == ".git" for part in path.parts)
        return None if is_unwanted else path

    def add(self, entry: Entry) -> Iterator[None]:
        """Add what was in an archive, piece by piece; what has no place here is left out."""
        path = self.path_for(str(entry.path))
        if path and entry.is_folder:
            self._add_folder(path)
        elif path:
            with self.new_file(path, is_executable=entry.is_executable) as file:
                for piece in entry.content:
                    file.write(piece)
                    yield
        else:
            yield from (None for _piece in entry.content)  # Or it would be skipped without a sign of life.
        yield

    @contextmanager
    def new_file(self, path: PurePosixPath, *, is_executable: bool = False) -> Iterator[IO[bytes]]:
        """A new file, to be written to. Raises UserError `record_file_refused` when its place is taken."""
        with self._refusals_reported(path):
            self._add_folder(path.parent)
            file = (self.root / path).open("xb")
        with file:
            if is_executable:
                os.fchmod(file.fileno(), stat.S_IMODE(os.fstat(file.fileno()).st_mode) | 0o111)
            yield file

    def _add_folder(self, path: PurePosixPath) -> None:
        with self._refusals_reported(path):
            (self.root / path).mkdir(parents=True, exist_ok=True)

    def refused(self, name: str) -> UserError:
        """What to raise for a file that cannot be called so."""
        shown = "".join(letter if letter.isprintable() else "�" for letter in printable(name))
        return UserError("record_file_refused", record=self.record, path=shown)

    @contextmanager
    def _refusals_reported(self, path: PurePosixPath) -> Iterator[None]:
        try:
            yield
        except UnicodeError as error:
            raise self.refused(str(path)) from error
        except OSError as error:
            if error.errno in _REFUSED:
                raise self.refused(str(path)) from error
            raise
