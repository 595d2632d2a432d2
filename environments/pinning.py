"""Environments whose people get the version that somebody put in use, and not each newer one once it is prepared.

For classes: what a newer version changes, a whole room meets at once. So one is prepared beside the one in use, looked
at, put in use, and taken back if need be; the images of both are kept (`needed_image_keys`).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from environments.errors import UserError
from environments.models import Environment, EnvironmentVersion

_COLUMNS = ("provider", "repository", "ref", "repository_url", "commit", "is_private", "image_key")


def hold(environment: Environment, *, now: datetime) -> None:
    """Give people from now on what was put in use: that is what they get now, or else the first that is prepared."""
    Environment.objects.filter(pk=environment.pk).update(is_held=True)
    environment.is_held = True
    take_first(environment, now=now)


def let_images_go(environment: Environment) -> None:
    """Have its images kept no longer than any others, once nobody uses them: they can be made again."""
    Environment.objects.filter(pk=environment.pk).update(keeps_images=False)
    environment.keeps_images = False


def keep_images(environment: Environment) -> None:
    """Have its images kept again, however long nobody uses them."""
    Environment.objects.filter(pk=environment.pk).update(keeps_images=True)
    environment.keeps_images = True


def take_first(environment: Environment, *, now: datetime) -> None:
    """Put in use what was prepared last, of an environment of which nothing was in use yet."""
    with transaction.atomic():
        held = Environment.objects.select_for_update().get(pk=environment.pk)
        if held.is_held and held.commit and not held.versions.exists():
            _add(held, held, by=None, now=now)


def version_in_use(environment: Environment) -> EnvironmentVersion | None:
    """What people get; None while nothing was put in use."""
    return environment.versions.first()


def version_offered(environment: Environment) -> Environment | EnvironmentVersion:
    """What a launch gives: of one that is held what was put in use, else what was prepared last."""
    in_use = version_in_use(environment) if environment.is_held else None
    return in_use or environment


def version_before(environment: Environment) -> EnvironmentVersion | None:
    """What people got before they got what they get now, and can get again."""
    in_use = version_in_use(environment)
    return None if in_use is None else environment.versions.exclude(image_key=in_use.image_key).first()


def has_ready(environment: Environment) -> bool:
    """Whether what was prepared last is not what people get."""
    in_use = version_in_use(environment)
    return bool(environment.commit) and (in_use is None or in_use.image_key != environment.image_key)


@transaction.atomic
def put_in_use(environment: Environment, *, image_key: str, by: User, now: datetime) -> EnvironmentVersion:
    """Have people get what was prepared last, which is this image; nothing if they do already.

    Raises UserError `version_changed` where something else was prepared since somebody looked.
    """
    held = Environment.objects.select_for_update().get(pk=environment.pk)
    in_use = version_in_use(held)
    if in_use is not None and in_use.image_key == image_key:
        return in_use
    if held.image_key != image_key or not held.commit:
        raise UserError("version_changed")
    return _add(held, held, by=by, now=now)


@transaction.atomic
def go_back(environment: Environment, *, image_key: str, by: User, now: datetime) -> EnvironmentVersion:
    """Have people get the version before again, which is this image; nothing if they do already.

    Raises UserError `version_changed` where that is another one by now, as after the click of somebody else.
    """
    held = Environment.objects.select_for_update().get(pk=environment.pk)
    in_use, before = version_in_use(held), version_before(held)
    if in_use is not None and in_use.image_key == image_key:
        return in_use
    if before is None or before.image_key != image_key:
        raise UserError("version_changed")
    return _add(held, before, by=by, now=now, is_return=True)


def left_by(version: EnvironmentVersion) -> str:
    """The image of the later version from which somebody went back to this one; empty if it was no return."""
    if not version.is_return:
        return ""
    left = version.environment.versions.filter(pk__lt=version.pk).first()
    return left.image_key if left is not None else ""


def _add(
    environment: Environment,
    like: Environment | EnvironmentVersion,
    *,
    by: User | None,
    now: datetime,
    is_return: bool = False,
) -> EnvironmentVersion:
    columns = {name: getattr(like, name) for name in _COLUMNS}
    return EnvironmentVersion.objects.create(
        environment=environment, in_use_since=now, put_in_use_by=by, is_return=is_return, **columns
    )
