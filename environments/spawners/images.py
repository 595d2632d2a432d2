"""What a spawner has to know of an image before it starts a server from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from docker.errors import ImageNotFound

from environments.engine import client
from environments.errors import UserError
from environments.spawners.hardening import USER_ID

_DEFAULT_HOME = PurePosixPath("/home/jovyan")
_ROOT = ("", "0", "root")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image as the engine has it now: the id of its content, and where the files of its user are."""

    id: str
    home: PurePosixPath


def image_facts(location: str) -> ImageFacts:
    """The facts of the image called `location`.

    Raises UserError `image_missing`, `image_home_invalid`, and `image_user_root` or `image_user_wrong` for an image
    made for anybody but user 1000. A server runs as that user whatever its image says; what was made for
    another would fail in ways nobody understands.
    """
    try:
        image = client().images.get(location).attrs
    except ImageNotFound as error:
        raise UserError("image_missing", detail=location) from error
    config = image["Config"] or {}
    user = str(config.get("User") or "").partition(":")[0]
    if user in _ROOT:
        raise UserError("image_user_root")
    if user.isdecimal() and int(user) != USER_ID:
        raise UserError("image_user_wrong", user=user[:40])
    return ImageFacts(image["Id"], home_of(config))


def home_of(config: dict[str, Any]) -> PurePosixPath:
    """The home folder of an image of this configuration. Raises UserError `image_home_invalid`."""
    variables = dict(variable.partition("=")[::2] for variable in config.get("Env") or ())
    home = PurePosixPath(variables.get("HOME") or config.get("WorkingDir") or _DEFAULT_HOME)
    if not home.is_absolute() or ".." in home.parts or len(home.parts) < 2:
        raise UserError("image_home_invalid", path=str(home)[:200])
    return home
