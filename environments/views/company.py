"""Company in a server: who is let in and who is there, and the buttons that let people in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from environments.collaborating import (
    accept_invitation,
    address_of,
    find_invitation,
    invite,
    is_in,
    leave_server,
    make_invitation,
    remove_collaborator,
    revoke_invitation,
)
from environments.errors import UserError
from environments.forms import InvitationForm
from environments.models import Collaborator, NotebookServer
from environments.policies import can_change_server
from environments.views.requests import PageRequest
from environments.visits import is_present, visits_of

VISITS_SHOWN = 20
REFRESH_SECONDS = 15
"""How often the list of people is drawn again while somebody looks at it."""


@dataclass(frozen=True, slots=True)
class Companion:
    """One of the people who may enter a server, as its page lists them."""

    person: User
    is_there: bool
    last_entered_at: datetime | None
    collaborator: Collaborator | None
    """None for the owner."""


def company_of(server: NotebookServer, *, now: datetime) -> dict[str, Any]:
    """What the part of a server's page about its people shows."""
    collaborators = list(server.collaborators.select_related("person"))
    invitations = list(server.invitations.open(now))
    if not collaborators:
        return {"invitations": invitations, "company_refresh_seconds": REFRESH_SECONDS if invitations else 0}
    visits = visits_of(server, count=VISITS_SHOWN)
    there = {visit.person_id for visit in visits if is_present(visit, now=now)}
    others = [Companion(each.person, each.person_id in there, each.last_entered_at, each) for each in collaborators]
    return {
        "companions": [Companion(server.owner, server.owner_id in there, None, None), *others],
        "invitations": invitations,
        "visits": [visit for visit in visits if not is_present(visit, now=now)],
        "company_refresh_seconds": REFRESH_SECONDS,
    }


def shared_with(user: User) -> list[NotebookServer]:
    """The servers of others this person may enter, those that run first."""
    servers = NotebookServer.objects.shared_with(user).select_related("owner").order_by("name")
    return sorted(servers, key=lambda server: server.state != NotebookServer.State.RUNNING)


def guest_page(request: PageRequest, server_id: UUID) -> HttpResponse | None:
    """The page of a server that this person may only enter; None if it is not such a one."""
    server = NotebookServer.objects.shared_with(request.user).select_related("owner").filter(pk=server_id).first()
    if server is None:
        return None
    place = request.GET.get("next", "")
    context = {
        "server": server,
        "next": place,
        "refresh_seconds": REFRESH_SECONDS,
        **company_of(server, now=timezone.now()),
    }
    page = "environments/shared_server.html"
    return render(request, f"{page}#state" if request.htmx else page, context)


# --- The owner's buttons -----------------------------------------------------------------------------------


@login_required
@require_safe
def server_people(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Who may enter and who is there, drawn again."""
    server = _own(request, server_id)
    context = {"server": server, **company_of(server, now=timezone.now())}
    return render(request, "environments/_companions.html", context)


@login_required
@require_POST
def collaborator_invite(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Let somebody in by name."""
    server, person = _own(request, server_id), cast("PageRequest", request).user
    try:
        collaborator = invite(server, request.POST.get("name", ""), by=person, now=timezone.now())
    except UserError as error:
        return _back(request, server, error)
    messages.success(request, _("%(name)s may enter your server now.") % {"name": _called(collaborator.person)})
    return _back(request, server)


@login_required
@require_POST
def collaborator_remove(request: HttpRequest, server_id: UUID, collaborator_id: UUID) -> HttpResponse:
    """Put somebody out."""
    server = _own(request, server_id)
    rows = server.collaborators.select_related("server", "person")
    collaborator = get_object_or_404(rows, pk=collaborator_id)
    remove_collaborator(collaborator, now=timezone.now())
    messages.success(
        request,
        _("%(name)s is out of your server. Links to it that were still open are withdrawn.")
        % {"name": _called(collaborator.person)},
    )
    return _back(request, server)


@login_required
@require_POST
@never_cache
def invitation_make(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Make a link and show it in the answer: the only time anybody sees it."""
    server, person = _own(request, server_id), cast("PageRequest", request).user
    form = InvitationForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    try:
        invitation, token = make_invitation(
            server, by=person, lifetime=timedelta(days=form.days), uses=form.cleaned_data["uses"], now=timezone.now()
        )
    except UserError as error:
        return _back(request, server, error)
    context = {"server": server, "invitation": invitation, "address": address_of(token)}
    return render(request, "environments/invitation_made.html", context)


@login_required
@require_POST
def invitation_revoke(request: HttpRequest, server_id: UUID, invitation_id: UUID) -> HttpResponse:
    """Withdraw a link."""
    server = _own(request, server_id)
    revoke_invitation(get_object_or_404(server.invitations, pk=invitation_id), now=timezone.now())
    messages.success(request, _("Nobody can come by that link any more. Who has come stays."))
    return _back(request, server)


# --- The guest's -------------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """Say who invites to what, and let in whoever presses the button."""
    person, now = cast("PageRequest", request).user, timezone.now()
    try:
        if request.method == "POST":
            return redirect("environments:server-detail", accept_invitation(token, person=person, now=now).pk)
        invitation = find_invitation(token, person=person, now=now)
    except UserError as error:
        context: dict[str, Any] = {"reason": error.explain()}
        return _unreferred(render(request, "environments/invitation_refused.html", context, status=error.status))
    if is_in(invitation.server, person):
        return redirect("environments:server-detail", invitation.server_id)
    return _unreferred(render(request, "environments/invitation.html", {"server": invitation.server}))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def server_leave(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Ask, and on the second word give up the leave to enter somebody's server."""
    person = cast("PageRequest", request).user
    server = get_object_or_404(NotebookServer.objects.shared_with(person).select_related("owner"), pk=server_id)
    if request.method != "POST":
        return render(request, "environments/server_leave.html", {"server": server})
    leave_server(server, person=person)
    messages.success(request, _("You have left the server “%(name)s”.") % {"name": server.name})
    return redirect("environments:home")


def _own(request: HttpRequest, server_id: UUID) -> NotebookServer:
    """The server, if this person may let others in."""
    person = cast("PageRequest", request).user
    server = get_object_or_404(NotebookServer.objects.enterable_by(person).select_related("owner"), pk=server_id)
    if not can_change_server(person, server):
        raise PermissionDenied
    return server


def _back(request: HttpRequest, server: NotebookServer, error: UserError | None = None) -> HttpResponse:
    if error is not None:
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")
    return redirect(f"{reverse('environments:server-detail', args=[server.pk])}#people")


def _called(person: User) -> str:
    """By both names, so that it is noticed when it is the wrong person."""
    full = person.get_full_name()
    return full if full == person.username else f"{full} ({person.username})"


def _unreferred(response: HttpResponse) -> HttpResponse:
    """The address holds the secret, so no page that is reached from here may learn it.

    The origin alone may: with nothing at all, browsers would send the button's request from nowhere.
    """
    response["Referrer-Policy"] = "strict-origin"
    return response
