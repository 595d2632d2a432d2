"""One saved file of a member, out of the volume of their server, whether the server runs or not."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import cast

from environments.backends import volume_store
from environments.errors import UserError
from environments.volumes.archive import Entry, unpack

_HEADERS = 1 << 16


@contextmanager
def opened(volume: str, path: str, *, max_bytes: int) -> Iterator[Entry]:
    """The file at this path, its content not read yet; nothing more of the volume is read than that.

    Raises UserError `volume_path_invalid` where there is no file, `volume_too_large` for one that is larger than
    this, and SystemFailure for a volume that is not there or cannot be reached.
    """
    stream = cast("Generator[bytes]", volume_store().read(volume, path))
    with closing(stream):
        entries = unpack(stream, max_bytes=max_bytes + _HEADERS)
        entry = next(entries, None)
        if entry is None or entry.is_folder:
            raise UserError("volume_path_invalid", path=path[:200])
        yield entry
