"""The one verb behind form, link and API: from what a person asks for to a server that is on its way."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import count

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User
from environments import naming
from environments.builds import image_key_for, request_build
from environments.collaborating import find_people, let_in
from environments.credentials import check_alone
from environments.errors import UserError
from environments.git_credentials import resolve_for
from environments.links import read_mount
from environments.live import announce_server
from environments.models import Build, Environment, NotebookServer, ServerMount, Visibility, Volume
from environments.models.target import columns_of
from environments.mounts import check_mounts, usable_volumes, wishes_in, write_mounts
from environments.pinning import version_offered
from environments.quotas import check_copy_quota, check_disk_quota, check_server_count, check_wishes
from environments.rebuilding import adopt
from environments.servers import note_arrival, prepare_server, start_server
from environments.updating import would_change
from environments.values import LaunchSpec, MountWish, ResolvedRepository, Target


def launch(
    user: User,
    spec: LaunchSpec,
    *,
    now: datetime,
    resolved: ResolvedRepository | None = None,
    group: Group | None = None,
    image_owner: User | None = None,
    instead_of: Collection[NotebookServer] = (),
) -> NotebookServer:
    """Give this person the server they describe: the one they have, woken if it sleeps, or a new one.

    Without a name the server is derived from the reference, so the same person and reference always
    meet the same server; what they leave open, it may have as it likes. One that was created at `now` was made by
    this very call. A new one is made from `resolved` if that is known, else the repository's host is asked, which may
    take some seconds. A new one is run for the `group` that is named. Of a private repository that was `resolved` by
    `image_owner`, who answers for that group, it gets the image that is theirs, made with their credential: it is for
    the caller to see that they want that. The copies to try that a new one is made `instead_of` leave their places to
    it, and are for the caller to delete. Raises `UserError` `name_invalid`, `server_differs`, `name_taken`,
    `server_of_other_group`, `credentials_shared`, `copy_alone`, `collaborator_unknown`, `collaborators_too_many`, for
    a new one what `mounts.check_mounts` and `check_limits` raise, or whatever finding the repository raises.
    """
    check_together(spec)
    people = find_people(spec.collaborators, asker=user)
    existing = server_of(user, spec)
    if existing is not None:
        return _connect(existing, spec, people, group, now=now)
    mounts = check_mounts(user, wishes_in(spec))
    check_limits(user, spec, group=group, instead_of=instead_of, now=now)
    target = _target_of(user, spec, resolved, image_owner, now=now)
    try:
        return _create(user, spec, target, mounts, people, group, now=now)
    except IntegrityError:  # Two clicks: the other made it first.
        existing = server_of(user, spec)
        if existing is None:
            raise
        return _connect(existing, spec, people, group, now=now)


def check_together(spec: LaunchSpec) -> None:
    """Raise UserError `credentials_shared` or `copy_alone` for wishes that no launch can have at once."""
    check_alone(with_credentials=spec.with_credentials, has_company=bool(spec.collaborators))
    if spec.is_public and (spec.with_credentials or spec.collaborators):
        raise UserError("copy_alone")


def check_limits(
    user: User,
    spec: LaunchSpec,
    *,
    now: datetime,
    group: Group | None = None,
    instead_of: Collection[NotebookServer] = (),
) -> None:
    """Raise UserError `…_quota_exceeded` for a new server this person may not have, or has no room for.

    Of copies to try there are so many: `copies_own_exhausted`, `copies_exhausted`. One that may not run now, because
    too much runs already, waits its turn and is not refused.
    """
    check_wishes(
        user,
        limits=spec.limits,
        idle_minutes=spec.idle_minutes,
        lifetime_minutes=spec.lifetime_minutes,
        group=group.pk if group is not None else None,
    )
    if spec.is_public:
        check_copy_quota(user, instead_of=instead_of)
    else:
        check_server_count(user)
        check_disk_quota(user, now=now)


def make_image(user: User, spec: LaunchSpec, *, now: datetime) -> Build:
    """Have the image of this launch made, and no server: the build under way, or one that finds it made already.

    Raises what `launch` raises, except for what concerns the server's name.
    """
    check_together(spec)
    check_mounts(user, wishes_in(spec))
    resolved = resolve_for(user, spec.reference, now=now)
    return request_build(image_key_for(resolved, private_to=user.pk), resolved, requested_by=user, now=now)


def name_of(spec: LaunchSpec) -> str:
    """The name of the server this launch means; a copy to try is another than the one that is kept.

    Raises UserError `name_invalid`.
    """
    if spec.name:
        return naming.check_server_name(spec.name)
    name = naming.server_name(spec.reference)
    return naming.copy_name(name) if spec.is_public else name


def server_of(user: User, spec: LaunchSpec) -> NotebookServer | None:
    """This person's server of that name, whatever it was made from. Raises UserError `name_invalid`."""
    return NotebookServer.objects.present().filter(owner=user, name=name_of(spec)).select_related("build").first()


def check_same_kind(server: NotebookServer, spec: LaunchSpec) -> None:
    """Raise UserError `name_taken` where one is a copy to try, and the other is kept or made from something else."""
    is_other_copy = server.is_throwaway and server.reference != spec.reference
    if server.is_throwaway != spec.is_public or is_other_copy:
        raise UserError("name_taken", name=server.name)


def free_name(user: User, name: str) -> str:
    """A name like this one that no server of this person has."""
    stem = re.sub(r"-\d+$", "", name)[: naming.MAX_SERVER_NAME - len("-9999")].rstrip("-")
    taken = set(NotebookServer.objects.present().filter(owner=user).values_list("name", flat=True))
    return next(name for name in (f"{stem}-{number}" for number in count(2)) if name not in taken)


def launch_environment(
    user: User,
    environment: Environment,
    *,
    now: datetime,
    spec: LaunchSpec | None = None,
    resolved: ResolvedRepository | None = None,
) -> NotebookServer:
    """Launch what the catalog offers, as it says or as this person would rather have it.

    A new server is made from the version that is in use, or else the last that could be prepared, or from `resolved`,
    and counts as one launch.
    What is for a class or group is run for that, with its owner's image if the repository is private. Raises what
    `launch` raises.
    """
    spec = spec or spec_of_environment(environment, user)
    version = resolved or version_for(user, environment, spec)
    is_for_them = is_for_group_of(user, environment)
    server = launch(
        user,
        spec,
        now=now,
        resolved=version,
        group=environment.group if is_for_them and server_of(user, spec) is None else None,
        image_owner=environment.owner if is_for_them and version == version_offered(environment).resolved else None,
    )
    if server.created_at == now:
        used = {"launch_count": F("launch_count") + 1, "last_used_at": now}
        Environment.objects.filter(pk=environment.pk).update(**used)
        if spec.reference == environment.reference:
            adopt(environment, server, now=now)
    return server


def spec_of_environment(environment: Environment, user: User) -> LaunchSpec:
    """The launch that an environment offers this person."""
    return LaunchSpec(
        version_offered(environment).reference,
        urlpath=environment.urlpath,
        limits=environment.limits,
        idle_minutes=environment.idle_minutes,
        lifetime_minutes=environment.lifetime_minutes,
        mounts=_usable(map(read_mount, environment.mounts.splitlines()), user),
    )


def version_for(user: User, environment: Environment, spec: LaunchSpec) -> ResolvedRepository | None:
    """The version this person gets without its host being asked; None where it has to be.

    That of a private repository is its owner's and for the group they share it with: others have to find it with a
    credential of their own.
    """
    offered = version_offered(environment)
    is_theirs = not offered.is_private or environment.owner_id == user.pk or is_for_group_of(user, environment)
    is_known = bool(offered.commit) and spec.reference == offered.reference
    return offered.resolved if is_known and is_theirs else None


def is_for_group_of(user: User, environment: Environment) -> bool:
    """Whether this person is in the class or group that the environment is for."""
    is_for_one = environment.visibility == Visibility.GROUP and environment.group_id is not None
    return is_for_one and user.groups.filter(pk=environment.group_id).exists()


def bring_company(server: NotebookServer, spec: LaunchSpec, *, now: datetime) -> None:
    """Let the people into the server whom this launch of its owner's names. Nobody is put out."""
    if spec.collaborators:
        let_in(server, find_people(spec.collaborators, asker=server.owner), by=server.owner, now=now)


def lacks_company(server: NotebookServer, spec: LaunchSpec) -> bool:
    """Whether this launch of its owner's names people who may not enter the server yet.

    Raises what finding them raises.
    """
    wanted = {person.pk for person in find_people(spec.collaborators, asker=server.owner)}
    return not wanted <= server.collaborator_ids


def spec_of(server: NotebookServer) -> LaunchSpec:
    """The launch that leads to this server; without its name if the reference alone gives it."""
    spec = LaunchSpec(
        server.reference,
        urlpath=server.urlpath,
        limits=server.limits,
        idle_minutes=server.idle_minutes,
        lifetime_minutes=server.lifetime_minutes,
        mounts=server.wishes,
        collaborators=tuple(each.person.username for each in server.collaborators.select_related("person")),
        with_credentials=server.with_credentials,
        is_public=server.is_throwaway,
    )
    return spec if name_of(spec) == server.name else replace(spec, name=server.name)


def _usable(wishes: Iterable[MountWish], user: User) -> tuple[MountWish, ...]:
    """Those of the shared files that this person may use, to be read where they may not change them."""
    can_write = {volume.name: volume.can_write for volume in usable_volumes(user)}  # type: ignore[attr-defined]
    return tuple(
        replace(wish, read_only=wish.read_only or not can_write[wish.volume])
        for wish in wishes
        if wish.volume in can_write
    )


def _connect(
    server: NotebookServer, spec: LaunchSpec, people: list[User], group: Group | None, *, now: datetime
) -> NotebookServer:
    check_same_kind(server, spec)
    if group is not None and server.group_id != group.pk:
        raise UserError("server_of_other_group", name=server.name, group=group.name)
    if would_change(server, spec):
        raise UserError("server_differs", name=server.name)
    if people:
        let_in(server, people, by=server.owner, now=now)
    note_arrival(server, now=now)
    if server.can_start:
        start_server(server, now=now)
    return server


def _target_of(
    user: User, spec: LaunchSpec, resolved: ResolvedRepository | None, image_owner: User | None, *, now: datetime
) -> Target:
    """What a new server is to be."""
    target = Target(
        spec.reference,
        url="",
        commit="",
        urlpath=spec.urlpath,
        limits=spec.limits,
        idle_minutes=spec.idle_minutes,
        lifetime_minutes=_lifetime_minutes(spec),
        with_credentials=spec.with_credentials,
    )
    if resolved is None:
        return target.made_from(resolve_for(user, spec.reference, now=now))
    whose = image_owner.pk if image_owner is not None and image_owner != user else None
    return target.made_from(resolved, image_owner_id=whose)


@transaction.atomic
def _create(
    user: User,
    spec: LaunchSpec,
    target: Target,
    mounts: list[ServerMount],
    people: list[User],
    group: Group | None,
    *,
    now: datetime,
) -> NotebookServer:
    name = name_of(spec)
    server = NotebookServer.objects.create(
        owner=user,
        group=group,
        name=name,
        subdomain=naming.new_subdomain(name),
        is_throwaway=spec.is_public,
        **columns_of(target),
        image_key=image_key_for(target.resolved, private_to=target.image_owner_id or user.pk),
        volume=Volume.objects.create(owner=user, purpose=Volume.Purpose.SERVER),
        state_changed_at=now,
        created_at=now,
    )
    write_mounts(server, mounts)
    if people:
        let_in(server, people, by=user, now=now)
    prepare_server(server, now=now)
    announce_server(server)
    return server


def _lifetime_minutes(spec: LaunchSpec) -> int | None:
    if not spec.is_public:
        return spec.lifetime_minutes
    return min(spec.lifetime_minutes or settings.COPY_LIFETIME_MINUTES, settings.COPY_LIFETIME_MINUTES)
