"""Putting two accounts of one person together: everything of the one becomes the other's, and the one is closed.

What becomes of what is in `fates.py`, and why in `docs/decisions/merging-accounts.md`. Everything or nothing: it is one
transaction, and no file is moved by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q

from accounts.models import Role, User
from assignments.models import Collection, Fetch
from classes.models import HandIn
from environments.models import (
    Access,
    Collaborator,
    GivenFiles,
    NotebookServer,
    Quota,
    RepositoryTrust,
    Volume,
    VolumeMember,
)
from environments.naming import MAX_SERVER_NAME
from environments.shared_volumes import share_former_home
from lti.errors import LtiError
from lti.merging.classes import merge_classes
from lti.merging.fates import give_over
from lti.models import LtiPerson

AT_REST = (NotebookServer.State.STOPPED, NotebookServer.State.FAILED)


def check_mergeable(former: User, kept: User) -> None:
    """Raise LtiError where the two cannot be put together: whoever they belong to, or not just now."""
    if former == kept:
        raise LtiError("merge_same")
    if not kept.is_active:
        raise LtiError("merge_closed", account=kept.username)
    if Role.ADMINISTRATOR in (former.role, kept.role):
        raise LtiError("merge_administrator")
    if former.role != kept.role and former.role != Role.MEMBER:
        raise LtiError("merge_role", account=former.username, kept=kept.username)
    theirs = LtiPerson.objects.filter(user=kept).values("platform")
    if LtiPerson.objects.filter(user=former, platform__in=theirs).exists():
        raise LtiError("join_taken")
    check_at_rest(former)


def check_at_rest(user: User) -> None:
    """Raise LtiError `merge_running` and `merge_busy` while something of this account is under way."""
    is_switching = Q(pending_update__isnull=False, pending_update__failure_code="")
    running = user.servers.filter(~Q(state__in=AT_REST) | is_switching).first()
    if running is not None:
        raise LtiError("merge_running", server=running.name)
    work = {"membership__person": user, "state": "waiting"}
    if any(model._default_manager.filter(**work).exists() for model in (Fetch, Collection, HandIn)):
        raise LtiError("merge_busy")


@transaction.atomic
def merge(former: User, *, into: User, now: datetime) -> None:
    """Have everything that is the former's be the other's, by the rules that the preview says, and close the former.

    Raises what `check_mergeable` raises; then nothing has changed.
    """
    locked = {user.pk: user for user in User.objects.select_for_update().filter(pk__in=[former.pk, into.pk])}
    check_mergeable(locked[former.pk], locked[into.pk])
    _merge_servers(former, into)
    _merge_files(former, into, now=now)
    merge_classes(former, into, now=now)
    _merge_rights(former, into)
    _merge_ways_in(former, into)
    give_over(former, into)
    former.is_active, former.email = False, ""
    former.save(update_fields=["is_active", "email"])


def renamed(former: User, kept: User) -> dict[NotebookServer, str]:
    """The servers of the one that need another name beside those of the other."""
    servers = list(former.servers.present().select_related("group"))
    theirs = set(kept.servers.present().values_list("name", flat=True))
    taken = theirs | {server.name for server in servers}
    found = {}
    for server in servers:
        if server.name in theirs:
            found[server] = _free(server.name, taken)
            taken.add(found[server])
    return found


def has_two_homes(former: User, kept: User) -> bool:
    """Whether both have personal files, of which an account has one place."""
    homes = Volume.objects.filter(purpose=Volume.Purpose.HOME, owner__in=[former, kept])
    return homes.count() == 2


def _free(name: str, taken: Iterable[str]) -> str:
    numbered = (f"{name[: MAX_SERVER_NAME - len(end)]}{end}" for end in (f"-{number}" for number in range(2, 1000)))
    return next(each for each in numbered if each not in taken)


def _merge_servers(former: User, kept: User) -> None:
    for server, name in renamed(former, kept).items():
        GivenFiles.objects.filter(owner=former, name=server.name, group=server.group).update(name=name)
        NotebookServer.objects.filter(pk=server.pk).update(name=name)
    former.servers.update(owner=kept)
    Collaborator.objects.filter(server__owner=kept, person__in=[former, kept]).delete()
    theirs = Collaborator.objects.filter(person=kept).values("server")
    Collaborator.objects.filter(person=former, server__in=theirs).delete()
    Collaborator.objects.filter(person=former).update(person=kept)


def _merge_files(former: User, kept: User, *, now: datetime) -> None:
    """Of two places for personal files the former becomes shared files, which nobody else has."""
    if has_two_homes(former, kept):
        home = former.volumes.get(purpose=Volume.Purpose.HOME)
        title = f"{former.get_full_name()[:60]} ({former.username[:50]})"
        share_former_home(home, owner=kept, name=f"former-{former.pk.hex[:24]}", title=title, now=now)
        Fetch.objects.filter(membership__person=former).delete()  # The copies are there no more, and can be had again.
    former.volumes.update(owner=kept)
    former.shared_volumes.update(owner=kept)
    both = VolumeMember.objects.filter(person__in=[former, kept])
    both.filter(volume__owner=kept).delete()
    for member in VolumeMember.objects.filter(person=former):
        other = VolumeMember.objects.filter(person=kept, volume=member.volume_id)
        if not other.exists():
            VolumeMember.objects.filter(pk=member.pk).update(person=kept)
            continue
        if member.access == Access.WRITE:
            other.update(access=Access.WRITE)
        member.delete()


def _merge_rights(former: User, kept: User) -> None:
    """Groups of classes have followed the classes; the others, and what an administrator allowed, come along."""
    kept.groups.add(*Group.objects.filter(user=former, course=None, taught_course=None))
    former.groups.clear()
    if not Quota.objects.filter(person=kept).exists():
        Quota.objects.filter(person=former).update(person=kept)
    for trust in RepositoryTrust.objects.filter(owner=former):
        same = {"owner": kept, "provider": trust.provider, "repository": trust.repository}
        if RepositoryTrust.objects.filter(**same).exists():
            trust.delete()
        else:
            RepositoryTrust.objects.filter(pk=trust.pk).update(owner=kept)


def _merge_ways_in(former: User, kept: User) -> None:
    """Addresses and platforms lead to the other. The password does not, nor do tokens."""
    theirs = {address.lower() for address in EmailAddress.objects.filter(user=kept).values_list("email", flat=True)}
    for address in EmailAddress.objects.filter(user=former):
        if address.email.lower() in theirs:
            address.delete()
        else:
            EmailAddress.objects.filter(pk=address.pk).update(user=kept, primary=False)
    LtiPerson.objects.filter(user=former).update(user=kept, has_made_account=False)
