"""The one verb behind form, link and API: from what a person asks for to a server that is on its way."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from itertools import count

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User
from environments import naming
from environments.backends import builder
from environments.builds import request_build
from environments.credentials import check_alone
from environments.errors import UserError
from environments.git_credentials import resolve_for
from environments.live import announce_server
from environments.models import Build, Environment, NotebookServer, ServerMount, Volume
from environments.mounts import check_mounts, wishes_in, write_mounts
from environments.quotas import check_copy_quota, check_disk_quota
from environments.servers import prepare_server, start_server
from environments.updating import would_change
from environments.values import LaunchSpec, ResolvedRepository


def launch(
    user: User, spec: LaunchSpec, *, now: datetime, resolved: ResolvedRepository | None = None
) -> NotebookServer:
    """Give this person the server they describe: the one they have, woken if it sleeps, or a new one.

    Without a name the server is derived from the reference, so the same person and reference always
    meet the same server; what they leave open, it may have as it likes. One that was created at `now` was made by
    this very call. A new one is made from `resolved` if that is known, else the repository's host is asked, which may
    take some seconds. Raises `UserError` `name_invalid`, `server_differs`, `option_unavailable`, `name_taken`,
    `credentials_shared`, `copy_alone`, for a new one what `mounts.check_mounts` raises, `disk_quota_exceeded`,
    `copies_own_exhausted` or `copies_exhausted`, or whatever finding the repository raises.
    """
    _check_available(spec)
    existing = server_of(user, spec)
    if existing is not None:
        return _connect(existing, spec, now=now)
    mounts = check_mounts(user, wishes_in(spec))
    if spec.is_public:
        check_copy_quota(user)
    else:
        check_disk_quota(user, now=now)
    try:
        return _create(user, spec, resolved or resolve_for(user, spec.reference, now=now), mounts, now=now)
    except IntegrityError:  # Two clicks: the other made it first.
        existing = server_of(user, spec)
        if existing is None:
            raise
        return _connect(existing, spec, now=now)


def make_image(user: User, spec: LaunchSpec, *, now: datetime) -> Build:
    """Have the image of this launch made, and no server: the build under way, or one that finds it made already.

    Raises what `launch` raises, except for what concerns the server's name.
    """
    _check_available(spec)
    check_mounts(user, wishes_in(spec))
    resolved = resolve_for(user, spec.reference, now=now)
    return request_build(_image_key(user, resolved), resolved, requested_by=user, now=now)


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


def launch_environment(user: User, environment: Environment, *, now: datetime) -> NotebookServer:
    """Launch a ready environment from the catalog, and count it."""
    server = launch(user, LaunchSpec(environment.reference, urlpath=environment.urlpath), now=now)
    Environment.objects.filter(pk=environment.pk).update(launch_count=F("launch_count") + 1)
    return server


def spec_of(server: NotebookServer) -> LaunchSpec:
    """The launch that leads to this server; without its name if the reference alone gives it."""
    spec = LaunchSpec(
        server.reference,
        urlpath=server.urlpath,
        limits=server.limits,
        idle_minutes=server.idle_minutes,
        lifetime_minutes=server.lifetime_minutes,
        mounts=server.wishes,
        with_credentials=server.with_credentials,
        is_public=server.is_throwaway,
    )
    return spec if name_of(spec) == server.name else replace(spec, name=server.name)


def _check_available(spec: LaunchSpec) -> None:
    check_alone(with_credentials=spec.with_credentials, has_company=bool(spec.collaborators))
    if spec.is_public and (spec.with_credentials or spec.collaborators):
        raise UserError("copy_alone")
    wishes = {
        "collaborators": spec.collaborators,
    }
    for option, value in wishes.items():
        if value:
            raise UserError("option_unavailable", option=option)


def _connect(server: NotebookServer, spec: LaunchSpec, *, now: datetime) -> NotebookServer:
    check_same_kind(server, spec)
    if would_change(server, spec):
        raise UserError("server_differs", name=server.name)
    if server.can_start:
        start_server(server, now=now)
    return server


@transaction.atomic
def _create(
    user: User, spec: LaunchSpec, resolved: ResolvedRepository, mounts: list[ServerMount], *, now: datetime
) -> NotebookServer:
    name = name_of(spec)
    server = NotebookServer.objects.create(
        owner=user,
        name=name,
        subdomain=naming.new_subdomain(name),
        provider=spec.reference.provider,
        repository=spec.reference.repository,
        ref=spec.reference.ref,
        urlpath=spec.urlpath,
        memory_mb=spec.limits.memory_mb,
        cpus=spec.limits.cpus,
        idle_minutes=spec.idle_minutes,
        lifetime_minutes=_lifetime_minutes(spec),
        is_throwaway=spec.is_public,
        with_credentials=spec.with_credentials,
        repository_url=resolved.url,
        commit=resolved.commit,
        is_private=resolved.is_private,
        image_key=_image_key(user, resolved),
        volume=Volume.objects.create(owner=user, purpose=Volume.Purpose.SERVER),
        state_changed_at=now,
        created_at=now,
    )
    write_mounts(server, mounts)
    prepare_server(server, now=now)
    announce_server(server)
    return server


def _lifetime_minutes(spec: LaunchSpec) -> int | None:
    if not spec.is_public:
        return spec.lifetime_minutes
    return min(spec.lifetime_minutes or settings.COPY_LIFETIME_MINUTES, settings.COPY_LIFETIME_MINUTES)


def _image_key(user: User, resolved: ResolvedRepository) -> str:
    made_by = builder()
    return naming.image_key(
        resolved,
        builder=made_by.name,
        version=made_by.version,
        platform=made_by.platform,
        private_to=str(user.pk),
    )
