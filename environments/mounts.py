"""Shared files in servers: who may have which, where, and what became of that when the server was started.

A mount is asked for when a server is made, and its owner's right to it is looked at again at every start, so that
what was withdrawn is left out. An engine cannot take a mount away from a server that runs; the reconciler stops such
servers (`withdrawn_mounts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from uuid import UUID

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from environments.errors import UserError
from environments.links import mount_path
from environments.models import Access, NotebookServer, ServerMount, SharedVolume
from environments.models.server import MOUNTS
from environments.querysets import ServerMountQuerySet, SharedVolumeQuerySet
from environments.values import LaunchSpec, Mount, MountWish

HOME_MOUNT = PurePosixPath("home")
"""Where a person's own volume is, in all their servers."""


def usable_volumes(person: User) -> SharedVolumeQuerySet:
    """What this person may place in their servers, each with `can_write`, by title."""
    return SharedVolume.objects.usable_by(person).select_related("owner", "volume")


def wishes_in(spec: LaunchSpec) -> tuple[MountWish, ...]:
    """The mounts that this launch means: in a copy to try, all of them are there to be read."""
    return tuple(replace(wish, read_only=True) for wish in spec.mounts) if spec.is_public else spec.mounts


def check_mounts(person: User, wishes: Sequence[MountWish]) -> list[ServerMount]:
    """The mounts this person asks for, of a server that is yet to be made: rows that are not stored.

    Raises UserError `mount_path_invalid` or `mount_path_taken`, `mount_read_only`, and `mount_unknown` for a name
    that does not exist just as for one the person may not use.
    """
    placed = [(wish, mount_path(wish.path, volume=wish.volume)) for wish in wishes]
    _check_apart([path for _wish, path in placed])
    usable = {volume.name: volume for volume in _named(person, wishes)}
    return [ServerMount(volume=_volume_for(wish, usable), path=path, read_only=wish.read_only) for wish, path in placed]


def write_mounts(server: NotebookServer, mounts: Iterable[ServerMount]) -> None:
    """Have this server get these from its next start on, and no others."""
    ServerMount.objects.filter(server=server).delete()
    server.mounts.add(*mounts, bulk=False)


def write_wishes(server: NotebookServer, wishes: Sequence[MountWish]) -> None:
    """Have this server get what was asked for, from its next start on, and nothing else.

    Whether its owner may is looked at then; files that are gone by now are passed over.
    """
    volumes = {volume.name: volume for volume in SharedVolume.objects.filter(name__in=[wish.volume for wish in wishes])}
    rows = (
        ServerMount(volume=volumes[wish.volume], path=wish.path, read_only=wish.read_only)
        for wish in wishes
        if wish.volume in volumes
    )
    write_mounts(server, rows)


def with_mounts(server: NotebookServer, present: Sequence[MountWish], wishes: Sequence[MountWish]) -> list[MountWish]:
    """What a server has if it gets these mounts too, by path: each takes the place of one that is at its path.

    Raises what `check_mounts` raises, of those that are new.
    """
    check_mounts(server.owner, [wish for wish in wishes if wish not in present])
    by_path = {wish.path: wish for wish in (*present, *wishes)}
    _check_apart(by_path)
    return [by_path[path] for path in sorted(by_path)]


def with_these_mounts(
    server: NotebookServer, present: Sequence[MountWish], wishes: Sequence[MountWish]
) -> list[MountWish]:
    """What a server has if it gets these mounts and no others, by path.

    Raises what `check_mounts` raises, of those that are new.
    """
    check_mounts(server.owner, [wish for wish in wishes if wish not in present])
    _check_apart([wish.path for wish in wishes])
    return sorted(wishes, key=lambda wish: wish.path)


def mounts_of(server: NotebookServer) -> list[ServerMount]:
    """The server's mounts with their volumes, by path; asked for once if they were prefetched with it."""
    prefetch_related_objects([server], MOUNTS)
    return list(server.mounts.all())


def mounts_for_start(server: NotebookServer) -> tuple[Mount, ...]:
    """What to place in the start that is under way, by what the server's owner may do now; which is written down.

    What they may not use any more is left out; what they may not change any more is placed to be read.
    """
    usable = _usable_in(server)
    placed = []
    for mount in server.mounts.select_related("volume__volume"):
        access = _access_now(mount, usable.get(mount.volume_id))
        _note_placed(mount, server.start_id, access)
        if access:
            key = mount.volume.volume.key
            placed.append(Mount(key, PurePosixPath(mount.path), read_only=access == Access.READ))
    return tuple(placed)


def withdrawn_mounts(*, now: datetime) -> ServerMountQuerySet:
    """Mounts in running servers that their owners may no longer have like this; `may_read` says whether to read."""
    withdrawn = ServerMount.objects.withdrawn(deleted_before=now - grace_period())
    return withdrawn.select_related("volume", "server")


def grace_period() -> timedelta:
    """For how long deleted shared files can be brought back: as long as deleted servers."""
    return timedelta(days=settings.DELETED_FILES_DAYS)


# --- As a server's page tells it ---------------------------------------------------------------------------


class Standing(StrEnum):
    """How it stands with a mount of a server."""

    AS_ASKED = "as_asked"
    ONLY_TO_READ = "only_to_read"
    """It was asked for to be changed, and may only be read any more."""
    WITHDRAWN = "withdrawn"
    """Left out at the next start."""
    ENDING = "ending"
    """The files were deleted; the server has them until it stops."""


STANDINGS = {
    Standing.ONLY_TO_READ: _("You may no longer change these files, so they are there to be read."),
    Standing.WITHDRAWN: _("You may no longer use these files, or they were deleted, so they are left out."),
    Standing.ENDING: _("These files were deleted. They stay in this server until it stops."),
}


@dataclass(frozen=True, slots=True)
class MountView:
    """One mount of a server, as its page shows it."""

    mount: ServerMount
    standing: Standing

    @property
    def can_write(self) -> bool:
        """Whether the files can be changed."""
        return not self.mount.read_only and self.standing is not Standing.ONLY_TO_READ

    @property
    def is_usable(self) -> bool:
        """Whether the server's owner may know more of the files than their name."""
        return self.standing in (Standing.AS_ASKED, Standing.ONLY_TO_READ)

    @property
    def is_left_out(self) -> bool:
        """Whether the server does without them."""
        return self.standing is Standing.WITHDRAWN

    @property
    def words(self) -> str:
        """What there is to say about it besides; empty if all is well."""
        return str(STANDINGS.get(self.standing, ""))


def mount_views(server: NotebookServer) -> list[MountView]:
    """The mounts of this server and how it stands with each."""
    mounts = mounts_of(server)
    if not mounts:
        return []
    usable = {
        volume.pk: volume for volume in SharedVolume.objects.usable_by(server.owner).filter(mounts__server=server)
    }
    in_use = set(server.mounts.in_use().values_list("pk", flat=True))
    return [
        MountView(mount, _standing(mount, usable.get(mount.volume_id), is_in_use=mount.pk in in_use))
        for mount in mounts
    ]


# --- Steps -------------------------------------------------------------------------------------------------


def _check_apart(paths: Iterable[str]) -> None:
    """Raise UserError `mount_path_taken` where one would be at or inside another, or at or inside `home`."""
    taken = [HOME_MOUNT]
    for path in map(PurePosixPath, paths):
        for other in taken:
            if path.is_relative_to(other) or other.is_relative_to(path):
                raise UserError("mount_path_taken", path=str(path), other=str(other))
        taken.append(path)


def _named(person: User, wishes: Iterable[MountWish]) -> SharedVolumeQuerySet:
    return SharedVolume.objects.usable_by(person).filter(name__in={wish.volume for wish in wishes})


def _volume_for(wish: MountWish, usable: dict[str, SharedVolume]) -> SharedVolume:
    volume = usable.get(wish.volume)
    if volume is None:
        raise UserError("mount_unknown", name=wish.volume)
    if not wish.read_only and not _can_write(volume):
        raise UserError("mount_read_only", name=wish.volume)
    return volume


def _can_write(volume: SharedVolume) -> bool:
    return bool(volume.can_write)  # type: ignore[attr-defined]  # from `usable_by`


def _usable_in(server: NotebookServer) -> dict[UUID, SharedVolume]:
    """What is mounted in this server and may be used by its owner now."""
    usable = SharedVolume.objects.usable_by(server.owner).filter(mounts__server=server)
    return {volume.pk: volume for volume in usable}


def _access_now(mount: ServerMount, volume: SharedVolume | None) -> Access | None:
    if volume is None:
        return None
    return Access.READ if mount.read_only or not _can_write(volume) else Access.WRITE


def _note_placed(mount: ServerMount, start_id: str, access: Access | None) -> None:
    """Write down what the server gets.

    A start that is taken over from a dead worker may have a server already, with more than is right by now. Then
    that stays written, and the reconciler finds it.
    """
    if mount.placed_in == start_id and mount.placed_to and access != Access.WRITE:
        return
    mount.placed_in, mount.placed_to = start_id, access or ""
    mount.save(update_fields=["placed_in", "placed_to"])


def _standing(mount: ServerMount, volume: SharedVolume | None, *, is_in_use: bool) -> Standing:
    access = _access_now(mount, volume)
    if access is None:
        is_ending = is_in_use and mount.volume.deleted_at is not None
        return Standing.ENDING if is_ending else Standing.WITHDRAWN
    if access == Access.READ and not mount.read_only:
        return Standing.ONLY_TO_READ
    return Standing.AS_ASKED
