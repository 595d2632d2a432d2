"""Files in the engine's containers, as tar streams, whether the container runs, has ended, or was never started.

The engine takes every step inside the container's own file system, so that no link leads out of it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, cast

import requests
from docker.errors import APIError, NotFound, create_api_error_from_http_exception

from environments.engine import TIMEOUT_SECONDS, client
from environments.errors import UserError
from environments.volumes.archive import printable

_PIECE = 1 << 18
_GO_FOLDER = 1 << 31
_GO_LINK = 1 << 27
_STAT = "X-Docker-Container-Path-Stat"
_IN_THE_WAY = ("cannot overwrite", "not a directory", "file exists", "is a directory", "file name too long")


@dataclass(frozen=True, slots=True)
class FileKind:
    """What is at a path. A link is neither a folder nor a file, whatever it points to."""

    is_folder: bool
    is_link: bool


def kind_of(container: str, path: str) -> FileKind | None:
    """What is at this path, its last part not followed if it is a link; None if there is nothing."""
    try:
        response = _ask("HEAD", container, path)
    except NotFound:
        return None
    mode = int(json.loads(base64.b64decode(response.headers[_STAT]))["mode"])
    return FileKind(is_folder=bool(mode & _GO_FOLDER), is_link=bool(mode & _GO_LINK))


def read_tar(container: str, path: str) -> Generator[bytes, None, None]:
    """The tar stream of what is at this path, named from its last part on. docker.errors.NotFound if nothing is."""
    with _ask("GET", container, path, stream=True) as response:
        yield from response.iter_content(_PIECE)


def write_tar(container: str, path: str, stream: Iterable[bytes]) -> None:
    """Unpack a tar stream in the folder at this path, owners and all.

    A file is replaced by a file, a link by whatever comes in its place. UserError `volume_path_invalid` where a
    file would have to replace a folder or a folder a file; what came before that is unpacked then.
    """
    try:
        _ask("PUT", container, path, data=stream, params={"noOverwriteDirNonDir": "true"})
    except APIError as error:
        if any(words in str(error).lower() for words in _IN_THE_WAY):
            raise UserError("volume_path_invalid", path=_path_in(str(error)), detail=str(error)) from error
        raise


def _ask(method: str, container: str, path: str, params: dict[str, str] | None = None, **options: Any) -> Any:
    """One request to the engine's archive calls, of which its client lacks one, and an option of another."""
    api = client().api
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    response = cast("requests.Session", api).request(
        method, url, params={"path": path, **(params or {})}, timeout=TIMEOUT_SECONDS, **options
    )
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)
    return response


def _path_in(message: str) -> str:
    """What the engine complains about, from the folder that was unpacked in on."""
    found = re.search(r'"/?([^"]+)"', message)
    return printable(found[1]) if found else "?"
