"""The builder, spawner and volume store this installation uses, as its settings name them."""

from __future__ import annotations

from functools import cache
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from environments.builders.base import Builder
from environments.spawners.base import Spawner
from environments.volumes.base import VolumeStore


@cache
def builder() -> Builder:
    """The builder of `BUILDER`."""
    return cast("Builder", import_string(settings.BUILDER)())


@cache
def spawner() -> Spawner:
    """The spawner of `SPAWNER`."""
    return cast("Spawner", import_string(settings.SPAWNER)())


@cache
def volume_store() -> VolumeStore:
    """The volume store of `VOLUME_STORE`."""
    return cast("VolumeStore", import_string(settings.VOLUME_STORE)())
