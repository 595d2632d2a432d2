"""Images that are folders of this machine: whoever uses one holds it, and nobody removes it meanwhile.

The lock is on the folder itself and ends with the process that has it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environments.errors import UserError
from environments.trees import remove_tree
from environments.values import Image

_REMOVED = ".removed-"


@contextmanager
def held(image: Image) -> Iterator[Path]:
    """The folder of the image, which stays for as long as this lasts. Raises UserError `image_missing`."""
    place = Path(image.location)
    try:
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UserError("image_missing", detail=str(error)) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_SH)
        if not _is_still_at(place, folder):
            raise UserError("image_missing", detail=str(place))
        yield place
    finally:
        os.close(folder)


def remove_unless_held(place: Path) -> bool:
    """Remove the image in this folder, which vanishes at once and as a whole; False if somebody holds it."""
    try:
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    doomed = place.with_name(f".{place.name}{_REMOVED}{secrets.token_hex(4)}")
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        place.rename(doomed)
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(folder)
    remove_tree(doomed)
    return True


def remove_remains(images: Path) -> None:
    """Remove what is left, among these images, of some whose removal was interrupted."""
    for place in images.glob(f".*{_REMOVED}*"):
        remove_tree(place)


def _is_still_at(place: Path, folder: int) -> bool:
    try:
        return os.path.samestat(os.fstat(folder), place.stat())
    except FileNotFoundError:
        return False
