"""Which shared files one server has: a page to give it more, and to take some out again."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from environments.errors import UserError
from environments.forms import MountsForm
from environments.models import NotebookServer
from environments.mounts import usable_volumes
from environments.updating import becoming, target_with_mounts, update_server
from environments.views.requests import PageRequest
from environments.views.servers import changeable_server

UNPROCESSABLE = 422


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def server_mounts(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """The shared files it has and could have; POST has it get those that are chosen, and no others."""
    server = changeable_server(cast("PageRequest", request), server_id)
    data = request.POST if request.method == "POST" else None
    form = MountsForm(data, present=becoming(server).mounts, volumes=usable_volumes(server.owner))
    if form.is_valid():
        try:
            _change(server, form)
        except UserError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _words_of(server))
            return redirect("environments:server-detail", server.pk)
    context = {"server": server, "form": form}
    return render(request, "environments/server_mounts.html", context, status=UNPROCESSABLE if form.errors else 200)


def _words_of(server: NotebookServer) -> str:
    if server.state == NotebookServer.State.RUNNING:
        return gettext("Saved. Your server is started anew with these files.")
    return gettext("Saved. Your server has these files when it starts the next time.")


def _change(server: NotebookServer, form: MountsForm) -> None:
    target = target_with_mounts(server, form.cleaned_data["mounts"])
    update_server(server, target, now=timezone.now())
