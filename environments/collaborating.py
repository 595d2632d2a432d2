"""Company in a server: people let in by name or by a link, and out again.

Being let in is a row, asked for at each request. Whoever loses it is out within seconds, open connections
included: the gateways are told at once, and look again by themselves should they not hear it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F
from django.urls import reverse

from accounts.models import User
from accounts.people import find_person
from environments import credentials
from environments.errors import UserError
from environments.links import MAX_COLLABORATORS
from environments.live import announce_server
from environments.models import Admission, Collaborator, Invitation, NotebookServer, Update
from environments.tickets import secret_hash

MAX_OPEN_INVITATIONS = 20
INVITATION_KEPT = timedelta(days=30)
"""How long one that nobody can use any more is remembered, to say what became of it."""
MAX_MISSES = 20
MISSES_REMEMBERED = timedelta(hours=1)
"""So many names nobody has may one person try in this time: enough to err, too few to find out who is here."""


# --- By name -----------------------------------------------------------------------------------------------


def find_people(names: Iterable[str], *, asker: User) -> list[User]:
    """The people of these names, each once and without the one who asks for them.

    Raises UserError `collaborator_unknown`, which names all that were not found, and `people_guessed_too_often`.
    """
    names = list(names)
    if names and cache.get(_misses_key(asker), 0) >= MAX_MISSES:
        raise UserError("people_guessed_too_often")
    found = {name: find_person(name) for name in names}
    if missing := [name for name, person in found.items() if person is None]:
        _count_misses(asker, len(missing))
        raise UserError("collaborator_unknown", people=", ".join(name[:150] for name in missing))
    return [person for person in dict.fromkeys(found.values()) if person is not None and person != asker]


def invite(server: NotebookServer, name: str, *, by: User, now: datetime) -> Collaborator:
    """Let in the person of this username or confirmed e-mail address; nothing if they are in already.

    Raises what `find_people` raises, UserError `collaborator_is_owner` and `collaborators_too_many`.
    """
    people = find_people([name], asker=by)
    if not people or people[0].pk == server.owner_id:
        raise UserError("collaborator_is_owner")
    let_in(server, people, by=by, now=now)
    return Collaborator.objects.select_related("person").get(server=server, person=people[0])


def let_in(server: NotebookServer, people: Iterable[User], *, by: User | None, now: datetime) -> None:
    """Let these people into the server, as far as they are not in yet. It carries no key of its owner's any more.

    Raises UserError `collaborators_too_many`, and `copy_alone` for a copy to try; then nobody was let in.
    """
    if server.is_throwaway:
        raise UserError("copy_alone")
    with transaction.atomic():
        NotebookServer.objects.select_for_update().get(pk=server.pk)  # Two at once must not both find the last place.
        for person in people:
            Collaborator.objects.get_or_create(
                server=server, person=person, defaults={"invited_by": by, "invited_at": now}
            )
        if Collaborator.objects.filter(server=server).count() > MAX_COLLABORATORS:
            raise UserError("collaborators_too_many", most=MAX_COLLABORATORS)
        if Collaborator.objects.filter(server=server).exists():
            _take_key_away(server, now)
        announce_server(server)
    server.__dict__.pop("collaborator_ids", None)


# --- By a link ---------------------------------------------------------------------------------------------


def make_invitation(
    server: NotebookServer, *, by: User, lifetime: timedelta, uses: int, now: datetime
) -> tuple[Invitation, str]:
    """A new invitation for so many people, and the secret of its link, which is stored nowhere.

    Raises UserError `invitations_too_many` when more are open than anybody can keep in view.
    """
    if server.invitations.open(now).count() >= MAX_OPEN_INVITATIONS:
        raise UserError("invitations_too_many", most=MAX_OPEN_INVITATIONS)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        server=server,
        made_by=by,
        token_hash=secret_hash(token),
        created_at=now,
        expires_at=now + lifetime,
        uses_left=uses,
    )
    return invitation, token


def address_of(token: str) -> str:
    """The link that an invitation with this secret is sent as."""
    return f"{settings.PUBLIC_URL}{reverse('environments:invitation-accept', args=[token])}"


def find_invitation(token: str, *, person: User, now: datetime) -> Invitation:
    """The invitation with this secret, if this person may still come by it, or has come by one already.

    Raises UserError `invitation_unknown`, `invitation_to_own_server`, `invitation_revoked`, `invitation_expired` and
    `invitation_used`.
    """
    servers = NotebookServer.objects.present().filter(owner__is_active=True)
    invitation = (
        Invitation.objects.select_related("server__owner")
        .filter(token_hash=secret_hash(token), server__in=servers)
        .first()
    )
    if invitation is None:
        raise UserError("invitation_unknown")
    if invitation.server.owner_id == person.pk:
        raise UserError("invitation_to_own_server")
    if not is_in(invitation.server, person):
        _check_open(invitation, now=now)
    return invitation


def accept_invitation(token: str, *, person: User, now: datetime) -> NotebookServer:
    """Let this person into the server the invitation is for; it counts one less, unless they are in already.

    One conditional UPDATE decides, so of two who take the last place at once one is refused. Raises what
    `find_invitation` raises, and `collaborators_too_many`.
    """
    invitation = find_invitation(token, person=person, now=now)
    if is_in(invitation.server, person):
        return invitation.server
    with transaction.atomic():
        if not Invitation.objects.open(now).filter(pk=invitation.pk).update(uses_left=F("uses_left") - 1):
            invitation.refresh_from_db()
            _check_open(invitation, now=now)
        let_in(invitation.server, [person], by=invitation.made_by, now=now)
    return invitation.server


def revoke_invitation(invitation: Invitation, *, now: datetime) -> None:
    """Let nobody come by it any more. Who has come stays."""
    Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=now)


def forget_old_invitations(now: datetime) -> None:
    """Delete those that nobody can have come by for long."""
    Invitation.objects.filter(expires_at__lt=now - INVITATION_KEPT).delete()


# --- Out again ---------------------------------------------------------------------------------------------


def remove_collaborator(collaborator: Collaborator, *, now: datetime) -> None:
    """Put somebody out of a server, at once, and withdraw its links, so that they do not come back by one."""
    with transaction.atomic():
        collaborator.server.invitations.open(now).update(revoked_at=now)
        _put_out(collaborator.server, collaborator.person)


def leave_server(server: NotebookServer, *, person: User) -> None:
    """Give up the leave to enter somebody else's server; nothing for somebody who has none."""
    with transaction.atomic():
        _put_out(server, person)


def is_in(server: NotebookServer, person: User) -> bool:
    """Whether this person was let into the server."""
    return Collaborator.objects.filter(server=server, person=person).exists()


# --- Steps -------------------------------------------------------------------------------------------------


def _put_out(server: NotebookServer, person: User) -> None:
    """Their passes go too: let in once more, they begin anew."""
    Collaborator.objects.filter(server=server, person=person).delete()
    Admission.objects.filter(server=server, user=person).delete()
    announce_server(server)


def _take_key_away(server: NotebookServer, now: datetime) -> None:
    """Whoever is let in could use it, and one that it is about to get."""
    Update.objects.filter(server=server).update(with_credentials=False)
    credentials.drop(server, now=now)


def _check_open(invitation: Invitation, *, now: datetime) -> None:
    if invitation.revoked_at is not None:
        raise UserError("invitation_revoked")
    if invitation.expires_at <= now:
        raise UserError("invitation_expired")
    if not invitation.uses_left:
        raise UserError("invitation_used")


def _misses_key(asker: User) -> str:
    return f"people-not-found:{asker.pk}"


def _count_misses(asker: User, count: int) -> None:
    """Not to the last one, if two are counted in the same moment: the limit is low enough."""
    misses = cache.get(_misses_key(asker), 0) + count
    cache.set(_misses_key(asker), misses, MISSES_REMEMBERED.total_seconds())
