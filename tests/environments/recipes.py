"""What the tests of the catalog share: recipes, and workers that do what is waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone

from environments import rebuilding, servers
from environments.catalog import Recipe
from environments.models import Build, Environment
from environments.references import parse
from environments.values import LaunchSpec


def recipe(repository: str = "gh/carrel-tests/example", *, ref: str = "", **fields: Any) -> Recipe:
    """A recipe of this repository, with an unremarkable title."""
    of_launch = {name: fields.pop(name) for name in ("urlpath", "limits", "mounts") if name in fields}
    title = fields.pop("title", "Statistics")
    return Recipe(title, LaunchSpec(parse(repository, ref=ref), **of_launch), **fields)


def work(now: datetime | None = None) -> None:
    """Every build that waits is run, and what came of it taken over."""
    moment = now or timezone.now()
    for build in Build.objects.filter(state=Build.State.QUEUED):
        servers.carry_out_build(build, clock=lambda: moment)
    for environment in Environment.objects.select_related("build"):
        rebuilding.settle(environment, now=moment)


def fresh(environment: Environment) -> Environment:
    """The environment as its row is now."""
    return Environment.objects.select_related("owner", "build").get(pk=environment.pk)


def after_deletion(edit: Callable[..., None]) -> Callable[..., None]:
    """The verb, with somebody who takes the environment out of the catalog just before."""

    def edit_too_late(environment: Environment, *args: Any, **kwargs: Any) -> None:
        Environment.objects.filter(pk=environment.pk).delete()
        edit(environment, *args, **kwargs)

    return edit_too_late
