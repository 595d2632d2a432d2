"""Servers that are started before their people come, for a time that is known: a lesson, an exam.

Whoever answers for the people reserves; what is reserved is started some minutes before its time, behind everybody who
waits for a server now. Such a server is nobody's use: it is stopped if nobody has come by the end of the reservation.
All there is are rows, and whoever looks at them next goes on: a worker's death loses nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from environments.builds import image_key_for
from environments.culling import note_activity
from environments.errors import EnvironmentsError, UserError
from environments.launching import launch, name_of, server_of
from environments.models import NotebookServer, Reservation
from environments.models.target import columns_of
from environments.querysets import NotebookServerQuerySet
from environments.servers import stop_server
from environments.values import LaunchSpec, ResolvedRepository, Target

logger = logging.getLogger(__name__)

STARTS_A_ROUND = 20
"""How many are launched each time somebody looks; they wait for their turn then."""

State = NotebookServer.State


# --- Asking ------------------------------------------------------------------------------------------------


def reserve(
    owner: User,
    spec: LaunchSpec,
    *,
    ready_at: datetime,
    until: datetime,
    resolved: ResolvedRepository,
    group: Group | None = None,
    image_owner: User | None = None,
) -> Reservation:
    """Have this person's server of this launch be running at `ready_at`, and stopped at `until` if nobody has come.

    Asking again for the same server and time changes what is launched, unless it was launched already. A server that
    runs by itself then is left alone. `group` and `image_owner` are those of `launch`; the place is given up if the
    person is no longer in the group when it is time. Raises ValueError for a launch that is a copy to try, or brings
    collaborators or a key; UserError `name_invalid`.
    """
    if spec.is_public or spec.collaborators or spec.with_credentials:
        raise ValueError("only what somebody works in alone can be reserved")
    whose = image_owner.pk if image_owner is not None and image_owner != owner else None
    target = Target(
        spec.reference,
        url="",
        commit="",
        urlpath=spec.urlpath,
        limits=spec.limits,
        idle_minutes=spec.idle_minutes,
        lifetime_minutes=spec.lifetime_minutes,
    ).made_from(resolved, image_owner_id=whose)
    asked = {
        **columns_of(target),
        "image_key": image_key_for(resolved, private_to=target.image_owner_id or owner.pk),
        "mounts": [[wish.volume, wish.path, wish.read_only] for wish in spec.mounts],
        "group": group,
        "until": until,
        "failure_code": "",
        "failure_facts": {},
    }
    key: dict[str, Any] = {"owner": owner, "name": name_of(spec), "ready_at": ready_at}
    with transaction.atomic():
        for before in Reservation.objects.select_for_update().filter(**key):
            _waiting_for(before).update(prewarmed_until=until)
        return Reservation.objects.update_or_create(**key, defaults=asked)[0]


def release(reservation: Reservation, *, now: datetime) -> None:
    """Give it up: the lesson is not held. A server that was started for it, and that nobody has entered, is stopped."""
    waiting = list(_waiting_for(reservation).select_related("build"))
    Reservation.objects.filter(pk=reservation.pk).delete()
    for server in waiting:
        _give_up(server, now=now)


# --- Carrying out ------------------------------------------------------------------------------------------


def tend_reservations(*, now: datetime) -> None:
    """Launch those whose time comes, stop what nobody came for, and forget those whose time is over."""
    Reservation.objects.filter(until__lte=now).delete()
    for server in _waiting_in_vain(now):
        note_activity(server, now=now)
        if server.started_at is not None and (server.idle_since() or now) > server.started_at:
            _keep(server)  # Somebody is at work in it who came past our pages.
        else:
            _give_up(server, now=now)
    opens_before = now + timedelta(minutes=settings.PREWARM_MINUTES)
    due = Reservation.objects.filter(ready_at__lte=opens_before, started_at=None, failure_code="")
    for reservation in due.select_related("owner", "group", "image_owner")[:STARTS_A_ROUND]:
        _launch(reservation, now=now)


# --- Steps -------------------------------------------------------------------------------------------------


def _waiting_for(reservation: Reservation) -> NotebookServerQuerySet:
    """The server that was started for this and that nobody has come to, if there is one."""
    theirs = NotebookServer.objects.present().filter(owner=reservation.owner_id, name=reservation.name)
    return theirs.filter(prewarmed_until=reservation.until)


def _waiting_in_vain(now: datetime) -> list[NotebookServer]:
    servers = NotebookServer.objects.present().filter(prewarmed_until__lte=now, state__in=NotebookServer.STOPPABLE)
    return list(servers.select_related("build"))


def _keep(server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(prewarmed_until=None)


def _give_up(server: NotebookServer, *, now: datetime) -> None:
    """Stop it, unless somebody has just come."""
    unentered = NotebookServer.objects.filter(pk=server.pk, prewarmed_until=server.prewarmed_until)
    try:
        with transaction.atomic():
            if unentered.update(prewarmed_until=None):
                stop_server(server, now=now)
    except UserError:  # Somebody else changed it in this moment: the next round looks again.
        return


def _launch(reservation: Reservation, *, now: datetime) -> None:
    owner, group = reservation.owner, reservation.group
    if not owner.is_active or (group is not None and not owner.groups.filter(pk=group.pk).exists()):
        reservation.delete()
        return
    if not _is_wanted(reservation, server_of(owner, reservation.spec), now=now):
        return
    try:
        with transaction.atomic():
            if not Reservation.objects.filter(pk=reservation.pk, started_at=None).update(started_at=now):
                return  # Another worker was quicker, or it was released.
            server = launch(
                owner,
                reservation.spec,
                now=now,
                resolved=reservation.resolved,
                group=group,
                image_owner=reservation.image_owner,
            )
            NotebookServer.objects.filter(pk=server.pk).update(prewarmed_until=reservation.until)
    except EnvironmentsError as error:
        logger.info("%s of %s could not be started ahead of time: %s", reservation, owner.pk, error)
        failure = {"failure_code": error.code, "failure_facts": error.facts}
        Reservation.objects.filter(pk=reservation.pk).update(**failure)


def _is_wanted(reservation: Reservation, server: NotebookServer | None, *, now: datetime) -> bool:
    """Whether it is to be launched now: not while it runs or stops, nor when its owner has been there and is done."""
    if server is None:
        return True
    if server.state not in NotebookServer.STARTABLE:
        return False
    opened_at = reservation.ready_at - timedelta(minutes=settings.PREWARM_MINUTES)
    return now < reservation.ready_at or server.state_changed_at < opened_at
