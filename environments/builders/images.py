"""The images of this builder in the engine: found by name, told apart by label, checked before they count."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import suppress

from docker.errors import APIError, ImageNotFound
from docker.models.containers import Container
from docker.models.images import Image as EngineImage

from environments.engine import client, installation_labels
from environments.errors import SystemFailure, UserError

IMAGE_KEY_LABEL = "carrel.image-key"
USER_ID = 1000
"""Whom people's files belong to, in every image."""

_MAX_PASSWD_BYTES = 1_000_000
_PASSWD = "/etc/passwd"  # noqa: S105 - a file, not a password


def image_labels(image_key: str) -> dict[str, str]:
    """What the image of this key is labelled with."""
    return {**installation_labels(), IMAGE_KEY_LABEL: image_key}


def local_image(location: str) -> EngineImage | None:
    """The engine's image of this name, if it has one."""
    with suppress(ImageNotFound):
        return client().images.get(location)
    return None


def key_of(image: EngineImage) -> str:
    """The key the image was built under; empty if it is none of ours."""
    return str((image.attrs["Config"].get("Labels") or {}).get(IMAGE_KEY_LABEL, ""))


def is_pushed(image: EngineImage, location: str) -> bool:
    """Whether a registry holds it under the repository of this name, as the engine remembers."""
    repository = location.rpartition(":")[0]
    return any(digest.startswith(f"{repository}@") for digest in image.attrs.get("RepoDigests") or [])


def remove_names(image: EngineImage) -> None:
    """Remove the image; if a container still uses it, only its names, so that it is found no more."""
    for name in image.tags or [str(image.id)]:
        remove_name(name)


def remove_name(name: str) -> None:
    """Remove one name, and the image with the last; nothing if it is not there, or a container needs it."""
    try:
        client().images.remove(name, force=":" in name and not name.startswith("sha256:"))
    except ImageNotFound:
        return
    except APIError as error:
        if error.status_code != 409:
            raise


def check_user(image: EngineImage) -> None:
    """Raise `image_user_root`, `image_user_unknown` or `image_user_wrong` unless it runs as the user 1000."""
    user = str(image.attrs["Config"].get("User") or "root").partition(":")[0]
    uid = user_id(user, _passwd(image, user))
    if uid is None:
        raise UserError("image_user_unknown", user=user[:40])
    if uid == 0:
        raise UserError("image_user_root")
    if uid != USER_ID:
        raise UserError("image_user_wrong", user=user[:40])


def user_id(user: str, passwd: str) -> int | None:
    """The number of a user in an image, as the engine reads it: a name in `/etc/passwd` goes before a number.

    So a user who is called 1000 there may be an administrator all the same.
    """
    for line in passwd.splitlines():
        fields = line.strip().split(":")
        if fields[0] == user and len(fields) > 2 and fields[2].isdecimal():
            return int(fields[2])
    if user.isascii() and user.isdecimal():
        return int(user)
    return 0 if user == "root" else None


def _passwd(image: EngineImage, user: str) -> str:
    """The image's `/etc/passwd`, read without starting anything of it; empty if it has none."""
    container = client().containers.create(
        image, command=["-"], entrypoint=["-"], labels=installation_labels(), network_disabled=True
    )
    try:
        return _file(container, user)
    finally:
        container.remove(v=True, force=True)


def _file(container: Container, user: str) -> str:
    try:
        stream, status = container.get_archive(_PASSWD)
    except APIError as error:
        if error.status_code == 404:
            return ""
        raise
    if not status or status["size"] > _MAX_PASSWD_BYTES or status["linkTarget"]:
        raise UserError("image_user_unknown", user=user[:40])
    return _only_file(stream)


def _only_file(stream: Iterator[bytes]) -> str:
    try:
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            entry = archive.next()
            content = archive.extractfile(entry) if entry and entry.isfile() else None
            return content.read().decode(errors="replace") if content else ""
    except tarfile.TarError as error:
        raise SystemFailure("build_failed", detail=str(error)) from error
