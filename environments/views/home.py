"""The first page: what Carrel is, what is ready to use, one's own servers, and the launch form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from environments import catalog
from environments.errors import EnvironmentsError
from environments.forms import LaunchForm
from environments.launching import launch, server_of
from environments.links import link_to
from environments.models import NotebookServer
from environments.mounts import usable_volumes
from environments.quotas import disk_use_of
from environments.updating import would_change
from environments.views.company import shared_with
from environments.views.links import comparison, to_server
from environments.views.requests import PageRequest
from environments.views.stopping import Ending, ending_of
from environments.waiting import Wait, waits_of

CONFLICT, UNPROCESSABLE = 409, 422
PREFILLED_BY_LINK = (
    *("repository", "ref", "path", "name", "memory", "cpus", "idle", "lifetime"),
    *("collaborators", "credentials", "public", "hub"),
)
TOKEN_MAY_HELP = ("repository_not_found", "credential_refused", "credential_unreadable")
"""Why a launch is refused that a token of the person's own could make possible."""
READY_SHOWN = 6
"""How many environments are shown: those most used. The others are in the catalog."""
REFRESH_SECONDS = 3
"""How often the list of servers is drawn again while something in it is about to change."""
REFRESH_RUNNING_SECONDS = 60
"""The same while a server only runs, and the moment of its end moves on."""


@dataclass(frozen=True, slots=True)
class Row:
    """One server in the list."""

    server: NotebookServer
    wait: Wait | None
    ending: Ending | None


@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """The welcome page for a stranger; for somebody signed in what they have and can launch. POST launches."""
    if request.method == "POST":
        return _launch(request)
    if not request.user.is_authenticated:
        return render(request, "environments/welcome.html")
    person = cast("PageRequest", request)
    if person.htmx:
        return render(request, "environments/home.html#servers", _server_list(person) | {"out_of_band": True})
    prefilled: dict[str, Any] = {name: request.GET[name] for name in PREFILLED_BY_LINK if name in request.GET}
    if "mounts" in request.GET:
        prefilled["mounts"] = request.GET.getlist("mounts")
    return _page(person, _form(person, initial=prefilled))


@login_required
def _launch(request: HttpRequest) -> HttpResponse:
    person = cast("PageRequest", request)
    form = _form(person, request.POST)
    if not form.is_valid():
        return _page(person, form, status=UNPROCESSABLE)
    if form.cleaned_data["hub"]:
        return redirect(link_to(form.spec, hub=form.cleaned_data["hub"]))
    try:
        there = server_of(person.user, form.spec)
        if there is not None and there.is_throwaway == form.spec.is_public and would_change(there, form.spec):
            return comparison(person, there, form.spec, status=CONFLICT)
        server = launch(person.user, form.spec, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(person, form, error)
    return to_server(server, form.spec.urlpath)


def _form(request: PageRequest, data: QueryDict | None = None, *, initial: dict[str, Any] | None = None) -> LaunchForm:
    return LaunchForm(data, initial=initial, volumes=usable_volumes(request.user))


def _refused(request: PageRequest, form: LaunchForm, error: EnvironmentsError) -> HttpResponse:
    form.full_clean()
    form.add_launch_error(error)
    token_address = form.data["repository"] if error.code in TOKEN_MAY_HELP else ""
    return _page(request, form, status=UNPROCESSABLE, token_address=token_address)


def _page(request: PageRequest, form: LaunchForm, *, status: int = 200, token_address: str = "") -> HttpResponse:
    context = {
        "form": form,
        "token_address": token_address,
        "environments": catalog.find(request.user).prefetch_related(None)[:READY_SHOWN],
        "has_answer": form.is_bound,
        "deleted": NotebookServer.objects.deleted_by(request.user).order_by("-deleted_at"),
        "shared_servers": shared_with(request.user),
        **_server_list(request),
    }
    return render(request, "environments/home.html", context, status=status)


def _server_list(request: PageRequest) -> dict[str, Any]:
    servers = sorted(
        NotebookServer.objects.visible_to(request.user).select_related("build"), key=_last_used_at, reverse=True
    )
    now = timezone.now()
    waits = waits_of(servers, now=now)
    rows = [Row(server, waits.get(server.pk), ending_of(server, now=now)) for server in servers]
    return {"servers": rows, "refresh_seconds": _refresh_seconds(servers), "disk": disk_use_of(request.user)}


def _refresh_seconds(servers: list[NotebookServer]) -> int:
    if any(server.is_on_the_way or server.state == NotebookServer.State.STOPPING for server in servers):
        return REFRESH_SECONDS
    is_running = any(server.state == NotebookServer.State.RUNNING for server in servers)
    return REFRESH_RUNNING_SECONDS if is_running else 0


def _last_used_at(server: NotebookServer) -> datetime:
    return server.idle_since() or server.created_at
