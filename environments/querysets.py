"""Who sees what, and what is due: the questions asked of the tables."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Sum

from accounts.models import Role
from environments.naming import folded

if TYPE_CHECKING:
    from accounts.models import User
    from environments.models import (  # noqa: F401 - named in a base class
        Build,
        Environment,
        EnvironmentVersion,
        Invitation,
        MonthlyUse,
        NotebookServer,
        ServerMaterial,
        ServerMount,
        SharedVolume,
        SourceTree,
    )

MAX_SEARCH_WORDS = 10


class EnvironmentQuerySet(models.QuerySet["Environment"]):
    """Questions about the catalog."""

    def listed_for(self, user: User) -> EnvironmentQuerySet:
        """What this person finds in the catalog: their own, and what is for everyone or for a group of theirs.

        What is held for a class is found where that is, even by its owner.
        """
        return self.filter(Q(owner=user, is_held=False) | Q(visibility="everyone") | _for_groups_of(user))

    def visible_to(self, user: User) -> EnvironmentQuerySet:
        """What this person may open if they know its address: that, and what is for people who have its link."""
        return self.filter(Q(owner=user) | Q(visibility__in=["everyone", "unlisted"]) | _for_groups_of(user))

    def search(self, text: str) -> EnvironmentQuerySet:
        """Those whose title, description, repository or tags hold every one of these words; of very many the first."""
        found = self
        for word in folded(text).split()[:MAX_SEARCH_WORDS]:
            tagged = self.model._default_manager.filter(tags__folded__contains=word)
            found = found.filter(Q(search_text__contains=word) | Q(pk__in=tagged.order_by().values("pk")))
        return found

    def tagged(self, name: str) -> EnvironmentQuerySet:
        """Those with this tag, however it is spelt."""
        return self.filter(tags__folded=folded(name))

    def used_lately(self, *, now: datetime) -> EnvironmentQuerySet:
        """Those that somebody launched, published or edited within the time for which unused images are kept."""
        return self.filter(last_used_at__gt=now - timedelta(days=settings.IMAGE_KEEP_DAYS))

    def needed_image_keys(self, *, now: datetime) -> set[str]:
        """The images that are kept for whoever launches next: those that are kept fresh, of what is used.

        And those of what is held, used or not, unless it lets them go: in use, before that, and prepared to be.
        """
        fresh = self.used_lately(now=now).exclude(rebuild="never")
        kept = self.filter(Q(pk__in=fresh.order_by().values("pk")) | Q(is_held=True, keeps_images=True))
        kept = kept.exclude(image_key="")
        versions = apps.get_model("environments", "EnvironmentVersion")._default_manager
        return {*kept.order_by().values_list("image_key", flat=True), *versions.kept_image_keys()}


class EnvironmentVersionQuerySet(models.QuerySet["EnvironmentVersion"]):
    """Questions about the versions that were put in use."""

    def kept_image_keys(self) -> set[str]:
        """The images of what is in use of each environment, and of what was before and can be again."""
        images: dict[Any, list[str]] = {}
        rows = self.filter(environment__is_held=True, environment__keeps_images=True).order_by("environment", "-pk")
        for environment, key in rows.values_list("environment", "image_key"):
            kept = images.setdefault(environment, [])
            if key not in kept and len(kept) < 2:
                kept.append(key)
        return {key for kept in images.values() for key in kept}


class BuildQuerySet(models.QuerySet["Build"]):
    """Questions about builds."""

    def visible_to(self, user: User) -> BuildQuerySet:
        """Those a server of this person was made or is to be made by, or that they asked for.

        A private one is for whoever asked for it alone: its log tells what is in their repository.
        """
        made = Q(is_private=False, servers__owner=user, servers__deleted_at__isnull=True)
        to_be_made = Q(is_private=False, updates__server__owner=user, updates__server__deleted_at__isnull=True)
        return self.filter(Q(requested_by=user) | made | to_be_made).distinct()

    def move(self, build: Build, to: str, **changes: Any) -> bool:
        """Change the state of this build if it still is what we saw; False when somebody was quicker.

        Raises ValueError for a move that is not in the table.
        """
        return _move(self, build, to, changes)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Questions about invitations."""

    def open(self, now: datetime) -> InvitationQuerySet:
        """Those by which somebody may still come."""
        return self.filter(revoked_at=None, uses_left__gt=0, expires_at__gt=now)


class NotebookServerQuerySet(models.QuerySet["NotebookServer"]):
    """Questions about servers."""

    def present(self) -> NotebookServerQuerySet:
        """Those that nobody has deleted."""
        return self.filter(deleted_at__isnull=True)

    def deleted_by(self, user: User) -> NotebookServerQuerySet:
        """This person's deleted servers that still can be brought back."""
        return self.filter(owner=user, deleted_at__isnull=False, is_throwaway=False)

    def copies(self) -> NotebookServerQuerySet:
        """Those that are gone when they stop."""
        return self.present().filter(is_throwaway=True)

    def visible_to(self, user: User) -> NotebookServerQuerySet:
        """Those this person may see: their own."""
        return self.present().filter(owner=user)

    def shared_with(self, user: User) -> NotebookServerQuerySet:
        """Those of other people this person was let into, as long as their owner is active."""
        return self.present().filter(pk__in=user.collaborations.values("server"), owner__is_active=True)

    def enterable_by(self, user: User) -> NotebookServerQuerySet:
        """Those this person may work in: their own, and those they were let into."""
        shared = Q(pk__in=user.collaborations.values("server"), owner__is_active=True)
        return self.present().filter(Q(owner=user) | shared)

    def move(self, server: NotebookServer, to: str, *, now: datetime, **changes: Any) -> bool:
        """Change the state of this server if it still is what we saw; False when somebody was quicker.

        Raises ValueError for a move that is not in the table.
        """
        return _move(self, server, to, {"state_changed_at": now, **changes})

    def change(self, server: NotebookServer, **changes: Any) -> bool:
        """Change columns of this server if its state still is what we saw; False when somebody was quicker."""
        return _change(self, server, changes)

    def needed_image_keys(self) -> set[str]:
        """The keys of the images these servers need: to run, to compare their files with, and to go back to.

        Deleted ones that can be brought back count, unless they are left out of the question.
        """
        columns = ("image_key", "files_image_key", "previous_image_key", "pending_update__image_key")
        return {key for keys in self.values_list(*columns) for key in keys if key}


class MonthlyUseQuerySet(models.QuerySet["MonthlyUse"]):
    """Questions about the accounts."""

    AMOUNTS: ClassVar = (
        "starts",
        "running_seconds",
        "cpu_seconds",
        "memory_gib_hours",
        "storage_gib_days",
        "build_seconds",
    )
    """The columns that add up."""

    def visible_to(self, user: User) -> MonthlyUseQuerySet:
        """A person's own; an administrator sees everybody's."""
        return self if user.role == Role.ADMINISTRATOR else self.filter(person=user)

    def narrowed(
        self, *, month: date | None = None, person: str = "", repository: str = "", group: str = ""
    ) -> MonthlyUseQuerySet:
        """Of one month, of whoever has this username or name, of repositories and groups with this in their names."""
        rows = self if month is None else self.filter(month=month)
        if person:
            rows = rows.filter(Q(person__username__iexact=person) | Q(person__display_name__icontains=person))
        rows = rows.filter(group_name__icontains=group) if group else rows
        return rows.filter(repository_url__icontains=repository) if repository else rows

    def sums(self) -> dict[str, Sum]:
        """For `aggregate` and `annotate`: each amount, summed."""
        return {name: Sum(name) for name in self.AMOUNTS}

    def summed_by(self, *columns: str) -> models.QuerySet[Any, dict[str, Any]]:
        """The sums of the rows that agree in these columns; what used the most memory first, then the most disk."""
        grouped: models.QuerySet[Any, dict[str, Any]] = self.order_by().values(*columns).annotate(**self.sums())
        return grouped.order_by("-memory_gib_hours", "-storage_gib_days", "-running_seconds", *columns)


class SharedVolumeQuerySet(models.QuerySet["SharedVolume"]):
    """Questions about shared files."""

    def present(self) -> SharedVolumeQuerySet:
        """Those that nobody has deleted."""
        return self.filter(deleted_at__isnull=True)

    def deleted_by(self, user: User) -> SharedVolumeQuerySet:
        """This person's deleted ones that still can be brought back."""
        return self.filter(owner=user, deleted_at__isnull=False)

    def gone_for_good(self, *, deleted_before: datetime) -> SharedVolumeQuerySet:
        """Those deleted so long ago that they cannot be brought back."""
        return self.filter(deleted_at__lte=deleted_before)

    def usable_by(self, user: User) -> SharedVolumeQuerySet:
        """Those this person may place in their servers: their own, and what they or a group of theirs may use.

        `can_write` says whether they may change the files there: the best of all that they have.
        """
        every = self.model._default_manager
        may_use = every.filter(_reaches(user), pk=OuterRef("pk"))
        may_change = every.filter(_reaches(user, access="write"), pk=OuterRef("pk"))
        return self.present().filter(Exists(may_use)).annotate(can_write=Exists(may_change))


class ServerMountQuerySet(models.QuerySet["ServerMount"]):
    """Questions about shared files in servers."""

    def in_use(self) -> ServerMountQuerySet:
        """Those that are in a server which runs, or is on its way up or down."""
        states = ("starting", "running", "stopping")
        placed = self.filter(server__state__in=states, placed_in=F("server__start_id"))
        return placed.exclude(placed_in="").exclude(placed_to="")

    def withdrawn(self, *, deleted_before: datetime) -> ServerMountQuerySet:
        """Those in running servers whose owners may no longer do with the files what they can do with them there.

        Of files that were deleted only those count that cannot be brought back any more. `may_read` says whether
        the owner may at least still read them.
        """
        volumes = apps.get_model("environments", "SharedVolume")._default_manager
        owner = OuterRef("server__owner")
        there = volumes.filter(Q(deleted_at=None) | Q(deleted_at__gt=deleted_before), pk=OuterRef("volume"))
        rows = self.in_use().annotate(
            may_read=Exists(there.filter(_reaches(owner))),
            may_write=Exists(there.filter(_reaches(owner, access="write"))),
        )
        is_withdrawn = Q(may_read=False) | Q(placed_to="write", may_write=False)
        return rows.filter(is_withdrawn, server__state="running")


class SourceTreeQuerySet(models.QuerySet["SourceTree"]):
    """Questions about files that were fetched for people."""

    def unwanted(self) -> SourceTreeQuerySet:
        """Those that no server is to get."""
        wanted = apps.get_model("environments", "ServerMaterial")._default_manager.filter(wanted=OuterRef("pk"))
        return self.filter(~Exists(wanted))

    def without_use(self) -> SourceTreeQuerySet:
        """Those that no server's files are of."""
        based = apps.get_model("environments", "ServerMaterial")._default_manager.filter(base=OuterRef("pk"))
        return self.filter(~Exists(based))


class ServerMaterialQuerySet(models.QuerySet["ServerMaterial"]):
    """Questions about what servers are to get."""

    def waiting(self, *, now: datetime) -> ServerMaterialQuerySet:
        """Those that a worker can bring now, into servers that run; others get it when they start."""
        is_other = Q(base=None) | ~Q(base=F("wanted"))
        is_free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=now)
        return self.filter(is_other, is_free, failure_code="", server__state="running", wanted__state="ready")


def _for_groups_of(user: User) -> Q:
    return Q(visibility="group", group__in=user.groups.order_by().values("pk"))


def _reaches(user: User | OuterRef, **how: str) -> Q:
    """Whose shared files they are, and whom they are shared with, by name or by group; only so, if it is said how."""
    member = Q(members__person=user) | Q(members__group__user=user)
    return Q(owner=user) | (member & Q(**{f"members__{name}": value for name, value in how.items()}))


def _move(rows: models.QuerySet[Any], row: Any, to: str, changes: dict[str, Any]) -> bool:
    if to not in row.MOVES[row.state]:
        raise ValueError(f"{type(row).__name__} cannot move from {row.state} to {to}")
    return _change(rows, row, {"state": to, **changes})


def _change(rows: models.QuerySet[Any], row: Any, changes: dict[str, Any]) -> bool:
    changed = rows.filter(pk=row.pk, state=row.state).update(**changes)
    if changed:
        for name, value in changes.items():
            setattr(row, name, value)
    return changed == 1
