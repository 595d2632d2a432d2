"""The catalog's verbs: an environment is published, edited, forked and taken away again by its owner.

What it is made into, and when, is the business of `rebuilding`; launching it, of `launching`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Count, Min, Q

from accounts.models import Role, User
from environments import consent, links
from environments.errors import UserError
from environments.launching import spec_of
from environments.models import Environment, EnvironmentTag, NotebookServer, Outcome, Rebuild, Visibility
from environments.naming import check_tags, folded
from environments.querysets import EnvironmentQuerySet
from environments.rebuilding import adopt, newest_version, prepare
from environments.servers import abandon_build
from environments.values import LaunchSpec

MAX_TAGS_SHOWN = 20
ORDERS = {
    "used": ("-is_featured", "-launch_count", "-created_at"),
    "newest": ("-created_at",),
    "title": ("title", "-created_at"),
}
"""How the catalog can be sorted; the first is usual."""
_WORDS = ("title", "description", "rebuild", "mounts")
_LAUNCH = ("provider", "repository", "ref", "urlpath", "memory_mb", "cpus", "idle_minutes", "lifetime_minutes")
_NO_VERSION: dict[str, Any] = {
    "repository_url": "",
    "commit": "",
    "is_private": False,
    "image_key": "",
    "has_image": False,
    "made_at": None,
    "made_by": None,
    "builder": "",
    "builder_version": "",
    "newest_commit": "",
    "looked_at": None,
}
_UNMADE: dict[str, Any] = {
    **_NO_VERSION,
    "build": None,
    "outcome": Outcome.NONE,
    "outcome_at": None,
    "failure_code": "",
    "failure_facts": {},
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What somebody publishes: a launch, without a server's name, and the words that describe it."""

    title: str
    spec: LaunchSpec
    description: str = ""
    tags: tuple[str, ...] = ()
    visibility: str = Visibility.PRIVATE
    group: Group | None = None
    """For whom it is, where the visibility says a class or group."""
    rebuild: str = Rebuild.DAILY


# --- Finding -----------------------------------------------------------------------------------------------


def find(user: User, *, text: str = "", tag: str = "", order: str = "used") -> EnvironmentQuerySet:
    """What this person finds in the catalog, by words and a tag, sorted by a key of `ORDERS`."""
    found = Environment.objects.listed_for(user).search(text)
    found = found.tagged(tag) if tag else found
    return found.order_by(*ORDERS[order], "pk").select_related("owner", "group").prefetch_related("tags")


def named(user: User, name: str) -> Environment | None:
    """The environment of this id or address, if this person may open it."""
    visible = Environment.objects.visible_to(user).select_related("owner", "group", "build", "made_by")
    try:
        return visible.filter(Q(slug=name) | Q(pk=UUID(name))).first()
    except ValueError:
        return visible.filter(slug=name).first()


def popular_tags(user: User) -> list[tuple[str, int]]:
    """The tags of what this person finds, and on how many of them each is; the commonest first."""
    listed = Environment.objects.listed_for(user).order_by().values("pk")
    counted = EnvironmentTag.objects.filter(environment__in=listed).order_by().values("folded")
    counted = counted.annotate(count=Count("pk"), word=Min("name")).order_by("-count", "folded")
    return [(row["word"], row["count"]) for row in counted[:MAX_TAGS_SHOWN]]


def needs_consent(user: User, environment: Environment, spec: LaunchSpec) -> bool:
    """Whether this person is shown what would run before they launch what somebody else has published.

    A teacher's word for what they publish is good, and so is that of whoever runs this Carrel. Of anybody else's an
    environment is like a link from elsewhere.
    """
    owner = environment.owner
    if owner == user:
        return False
    is_vouched_for = environment.is_featured or owner is None or owner.role in (Role.TEACHER, Role.ADMINISTRATOR)
    return not (is_vouched_for and not spec.mounts) and consent.needs_consent(user, spec)


# --- Publishing --------------------------------------------------------------------------------------------


def recipe_of(environment: Environment) -> Recipe:
    """What an environment was published as, to be edited."""
    return Recipe(
        title=environment.title,
        spec=LaunchSpec(
            environment.reference,
            urlpath=environment.urlpath,
            limits=environment.limits,
            idle_minutes=environment.idle_minutes,
            lifetime_minutes=environment.lifetime_minutes,
            mounts=tuple(map(links.read_mount, environment.mounts.splitlines())),
        ),
        description=environment.description,
        tags=tuple(tag.name for tag in environment.tags.all()),
        visibility=environment.visibility,
        group=environment.group,
        rebuild=environment.rebuild,
    )


def publish(owner: User, recipe: Recipe, *, now: datetime, server: NotebookServer | None = None) -> Environment:
    """Put it in the catalog, and have it prepared.

    Of a `server` made from the same repository and version it takes over what that runs; otherwise the repository's
    host is asked, which may take some seconds. Raises whatever finding the repository raises, and UserError
    `tag_invalid`, `tags_too_many`, `group_missing`, or `group_unknown` for a group the owner is not in.
    """
    tags = check_tags(recipe.tags)
    _check_group(owner, recipe)
    environment = Environment(owner=owner, last_used_at=now, **_columns_of(recipe))
    is_like_server = server is not None and server.reference == recipe.spec.reference
    resolved = None if is_like_server else newest_version(environment, now=now)
    with transaction.atomic():
        environment.save()
        set_tags(environment, tags)
        if server is not None and resolved is None:
            adopt(environment, server, now=now)
        elif resolved is not None:
            prepare(environment, resolved, now=now)
    return environment


def edit(environment: Environment, recipe: Recipe, *, now: datetime) -> None:
    """Change what it is; another repository or version is prepared anew.

    Raises what `publish` raises, and Environment.DoesNotExist for one that was taken out of the catalog meanwhile.
    """
    tags = check_tags(recipe.tags)
    is_new_to_group = recipe.group is None or recipe.group != environment.group
    if environment.owner is not None and is_new_to_group:
        _check_group(environment.owner, recipe)
    has_moved = recipe.spec.reference != environment.reference
    left_build = environment.build if has_moved else None
    changes = _columns_of(recipe) | {"last_used_at": now} | (_UNMADE if has_moved else {})
    for name, value in changes.items():
        setattr(environment, name, value)
    resolved = newest_version(environment, now=now) if has_moved else None
    with transaction.atomic():
        Environment.objects.select_for_update().get(pk=environment.pk)
        environment.save(update_fields=changes)
        set_tags(environment, tags)
        if left_build is not None:
            abandon_build(left_build, now=now)
        if resolved is not None:
            prepare(environment, resolved, now=now)


def fork(environment: Environment, *, owner: User, now: datetime) -> Environment:
    """A copy for this person to change, which nobody else sees until they say so.

    The version that is prepared comes with it, unless it is of somebody else's private repository.
    """
    is_theirs = not environment.is_private or environment.owner_id == owner.pk
    copied = (*_WORDS, *_LAUNCH, *(_NO_VERSION if is_theirs else ()))
    columns = {name: getattr(environment, name) for name in copied}
    with transaction.atomic():
        copy = Environment.objects.create(owner=owner, forked_from=environment, last_used_at=now, **columns)
        set_tags(copy, [tag.name for tag in environment.tags.all()])
    return copy


def remove(environment: Environment, *, now: datetime) -> None:
    """Take it out of the catalog for good. Servers that were made from it stay, and so do forks."""
    with transaction.atomic():
        build = environment.build
        environment.delete()
        if build is not None:
            abandon_build(build, now=now)


def forget_version(environment: Environment) -> None:
    """Let it be prepared anew, by whoever launches it first or when it is due; the row is not saved."""
    for name, value in _UNMADE.items():
        setattr(environment, name, value)


def recipe_from(server: NotebookServer) -> Recipe:
    """What a server could be published as: its launch, and its name for a title."""
    return Recipe(title=server.name, spec=spec_of(server))


def set_tags(environment: Environment, names: Iterable[str]) -> None:
    """Give it these tags in place of those it has."""
    EnvironmentTag.objects.filter(environment=environment).delete()
    EnvironmentTag.objects.bulk_create(
        EnvironmentTag(environment=environment, name=name, folded=folded(name)) for name in names
    )


# --- Steps -------------------------------------------------------------------------------------------------


def _check_group(owner: User, recipe: Recipe) -> None:
    if recipe.visibility != Visibility.GROUP:
        return
    if recipe.group is None:
        raise UserError("group_missing")
    if not owner.groups.filter(pk=recipe.group.pk).exists():
        raise UserError("group_unknown", who=recipe.group.name)


def _columns_of(recipe: Recipe) -> dict[str, Any]:
    spec = recipe.spec
    return {
        "title": recipe.title,
        "description": recipe.description,
        "visibility": recipe.visibility,
        "group": recipe.group if recipe.visibility == Visibility.GROUP else None,
        "rebuild": recipe.rebuild,
        "provider": spec.reference.provider,
        "repository": spec.reference.repository,
        "ref": spec.reference.ref,
        "urlpath": spec.urlpath,
        "memory_mb": spec.limits.memory_mb,
        "cpus": spec.limits.cpus,
        "idle_minutes": spec.idle_minutes,
        "lifetime_minutes": spec.lifetime_minutes,
        "mounts": "\n".join(map(links.write_mount, spec.mounts)),
    }
