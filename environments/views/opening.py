"""The way from Carrel's own pages into a running server: a ticket, carried by a redirect."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from environments.models import NotebookServer
from environments.policies import can_enter_server
from environments.servers import note_arrival
from environments.tickets import issue_ticket
from environments.views.requests import PageRequest

DEFAULT_URLPATH = "lab"
BY_FORM = "form"
"""How `by` says that a form was sent: a page of ours goes on to the server's origin, since a form itself may not."""


@login_required
@require_safe
@never_cache
def server_open(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Into the server if it runs, to its page if it does not. Never starts it."""
    person = cast("PageRequest", request)
    enterable = NotebookServer.objects.enterable_by(person.user)
    server = get_object_or_404(enterable, pk=server_id)
    if request.GET.get("by") == BY_FORM and server.state == NotebookServer.State.RUNNING:
        place = {"next": request.GET["next"]} if "next" in request.GET else {}
        address = f"{request.path}?{urlencode(place)}"
        return render(request, "environments/opening.html", {"server": server, "address": address})
    return _enter(person, server)


@login_required
@require_safe
@never_cache
def subdomain_open(request: HttpRequest, subdomain: str) -> HttpResponse:
    """The same for a browser that the gateway sent here, which knows the server by its address only."""
    person = cast("PageRequest", request)
    enterable = NotebookServer.objects.enterable_by(person.user)
    return _enter(person, get_object_or_404(enterable, subdomain=subdomain))


def _enter(request: PageRequest, server: NotebookServer) -> HttpResponse:
    if not can_enter_server(request.user, server):
        raise PermissionDenied
    place = request.GET.get("next", "")
    if server.state != NotebookServer.State.RUNNING:
        address = reverse("environments:server-detail", args=[server.pk])
        return redirect(f"{address}?{urlencode({'next': place})}" if place else address)
    now = timezone.now()
    note_arrival(server, now=now)
    ticket = issue_ticket(
        server,
        user=request.user,
        session_key=request.session.session_key or "",
        session_hash=request.session[HASH_SESSION_KEY],
        now=now,
    )
    query = urlencode({"ticket": ticket, "next": path_in_server(place or server.urlpath or DEFAULT_URLPATH)})
    response = HttpResponseRedirect(f"{server.origin}/_carrel/enter?{query}")
    response["Referrer-Policy"] = "no-referrer"
    return response


def path_in_server(urlpath: str) -> str:
    """The address on the server's origin for what Binder calls a urlpath; always a path, never another host."""
    plain = "".join(character for character in urlpath if character.isprintable()).replace("\\", "/")
    return "/" + plain.lstrip("/ ")
