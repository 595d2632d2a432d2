"""One server's page: how it comes along, what it is, and the buttons that start, stop and delete it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import credentials
from environments.errors import EnvironmentsError, UserError
from environments.following import version_of
from environments.forms import InvitationForm, InviteForm, KeepForm
from environments.launching import spec_of
from environments.models import Build, BuildLogLine, NotebookServer
from environments.mounts import mount_views, usable_volumes
from environments.policies import can_change_server, can_read_log
from environments.quotas import disk_use_of
from environments.references import web_url_of
from environments.servers import delete_server, keep_server, start_server, stop_server, undelete_server
from environments.views.company import company_of, guest_page
from environments.views.progress import sentence_of, steps_of
from environments.views.requests import PageRequest
from environments.views.sharing import shared_link
from environments.views.stopping import ending_of, is_kept
from environments.views.versions import versions_of
from environments.waiting import wait_of

LOG_LINES_SHOWN = 500
LOG_LINES_OF_FAILURE = 12


@login_required
@require_safe
def server_detail(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """The page; only the part about its state when htmx asks."""
    person = cast("PageRequest", request)
    try:
        server = server_or_404(person, server_id)
    except Http404:
        if (page := guest_page(person, server_id)) is None:
            raise
        return page
    context = _state_of(person, server)
    if person.htmx:
        context |= _mounts_of(person, server) | {"out_of_band": True}
        return render(request, "environments/server.html#status", context)
    disk = disk_use_of(person.user)
    return render(request, "environments/server.html", context | _details_of(person, server) | {"disk": disk})


@login_required
@require_POST
def server_start(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Have it started, and open it when it runs."""
    server = changeable_server(cast("PageRequest", request), server_id)
    try:
        start_server(server, now=timezone.now())
    except UserError as error:
        return refused(request, server, error)
    place = {"next": request.POST["next"]} if request.POST.get("next") else {}
    return redirect(f"{_address(server)}?{urlencode({'launching': '1'} | place)}")


@login_required
@require_POST
def server_stop(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Have it stopped, and go back to where the button was."""
    server = changeable_server(cast("PageRequest", request), server_id)
    try:
        stop_server(server, now=timezone.now())
    except UserError as error:
        return refused(request, server, error)
    if server.is_throwaway and not request.headers.get("HX-Request"):
        messages.success(request, _("The copy “%(name)s” is thrown away.") % {"name": server.name})
        return redirect("environments:home")
    return back(request, server)


@login_required
@require_POST
def server_keep(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Put off its stop, or take that back."""
    server = changeable_server(cast("PageRequest", request), server_id)
    now = timezone.now()
    form = KeepForm(request.POST, now=now)
    if not form.is_valid():
        raise BadRequest
    try:
        keep_server(server, until=form.cleaned_data["until"], now=now)
    except UserError as error:
        return refused(request, server, error)
    return back(request, server)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def server_delete(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Ask first, saying what goes and what stays; POST deletes."""
    server = changeable_server(cast("PageRequest", request), server_id)
    if request.method != "POST":
        context = {"server": server, "days": settings.DELETED_FILES_DAYS}
        return render(request, "environments/server_delete.html", context)
    try:
        delete_server(server, now=timezone.now())
    except UserError as error:
        return refused(request, server, error)
    messages.success(request, _("The server “%(name)s” is deleted.") % {"name": server.name})
    return redirect("environments:home")


@login_required
@require_POST
def server_undelete(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Bring a deleted one back."""
    deleted = NotebookServer.objects.deleted_by(cast("PageRequest", request).user)
    server = get_object_or_404(deleted, pk=server_id)
    try:
        undelete_server(server, now=timezone.now())
    except UserError as error:
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")
    else:
        messages.success(request, _("The server “%(name)s” is back, with its files.") % {"name": server.name})
    return redirect("environments:home")


@login_required
@require_POST
def server_drop_credentials(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Take its owner's key away from it; if that happened already, it need not be said any longer."""
    server = changeable_server(cast("PageRequest", request), server_id)
    credentials.drop(server, now=timezone.now(), is_noted=False)
    NotebookServer.objects.filter(pk=server.pk).update(credentials_dropped_at=None)
    return back(request, server)


def server_or_404(request: PageRequest, server_id: UUID) -> NotebookServer:
    """The server, if this person may know of it."""
    visible = NotebookServer.objects.visible_to(request.user)
    return get_object_or_404(visible.select_related("owner", "build", "volume", "pending_update__build"), pk=server_id)


def changeable_server(request: PageRequest, server_id: UUID) -> NotebookServer:
    """The server, if this person may change it."""
    server = server_or_404(request, server_id)
    if not can_change_server(request.user, server):
        raise PermissionDenied
    return server


def refused(request: HttpRequest, server: NotebookServer, error: EnvironmentsError) -> HttpResponse:
    """Back to where the button was, with the reason why nothing came of it."""
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")
    return back(request, server)


def back(request: HttpRequest, server: NotebookServer) -> HttpResponse:
    """Back to where the button was."""
    if request.POST.get("back") == "home":
        return redirect("environments:home")
    return redirect(_address(server))


def _address(server: NotebookServer) -> str:
    return reverse("environments:server-detail", args=[server.pk])


def _state_of(request: PageRequest, server: NotebookServer) -> dict[str, Any]:
    now = timezone.now()
    wait = wait_of(server, now=now)
    is_launching = request.GET.get("launching") == "1"
    place = request.GET.get("next", "")
    open_url = reverse("environments:server-open", args=[server.pk])
    return {
        "server": server,
        "version": version_of(server, wait),
        "steps": steps_of(server) if server.is_on_the_way or server.state == NotebookServer.State.FAILED else [],
        "sentence": sentence_of(server) if server.is_on_the_way else "",
        "wait": wait,
        "is_changing": _is_changing(server),
        "is_launching": is_launching,
        "next": place,
        "open_url": f"{open_url}?{urlencode({'next': place})}" if place else open_url,
        "ending": ending_of(server, now=now),
        "is_kept": is_kept(server, now=now),
        "keep_form": KeepForm(now=now),
        "failure_log": _failure_log(server),
        "versions": versions_of(server, now=now),
    }


def _is_changing(server: NotebookServer) -> bool:
    """Whether the page will say something else before long, without anybody doing anything."""
    is_becoming = server.pending_update is not None and not server.pending_update.failure_code
    return server.is_on_the_way or server.state == NotebookServer.State.STOPPING or is_becoming


def _failure_log(server: NotebookServer) -> str:
    if server.state != NotebookServer.State.FAILED:
        return ""
    build = server.build
    if server.failure_log or build is None or build.state != Build.State.FAILED:
        return server.failure_log
    if not can_read_log(server.owner, build):
        return ""
    return "\n".join(line.text for line in _last_lines(build, LOG_LINES_OF_FAILURE))


def _details_of(request: PageRequest, server: NotebookServer) -> dict[str, Any]:
    build = server.followed_build
    if build is not None and not can_read_log(server.owner, build):
        build = None
    lines = _last_lines(build, LOG_LINES_SHOWN) if build else []
    return {
        **company_of(server, now=timezone.now()),
        "invite_form": InviteForm(auto_id="invite_%s"),
        "invitation_form": InvitationForm(),
        "followed_build": build,
        "web_url": web_url_of(server.reference),
        "shared": shared_link(replace(spec_of(server), collaborators=())),
        **_mounts_of(request, server),
        "log_lines": lines,
        "log_after": lines[-1].sequence if lines else 0,
        "log_is_cut": bool(lines) and lines[0].sequence > 1,
    }


def _mounts_of(request: PageRequest, server: NotebookServer) -> dict[str, Any]:
    mounts = mount_views(server)
    can_change = server.can_update and (bool(mounts) or usable_volumes(request.user).exists())
    return {"mounts": mounts, "can_change_mounts": can_change}


def _last_lines(build: Build, count: int) -> list[BuildLogLine]:
    return list(build.log_lines.order_by("-sequence")[:count])[::-1]
