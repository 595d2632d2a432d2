"""The repositories a person launches from links without being asked, and how to take that back."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from environments.models import RepositoryTrust
from environments.views.requests import PageRequest


@login_required
@require_safe
def trust_list(request: HttpRequest) -> HttpResponse:
    """The list."""
    person = cast("PageRequest", request)
    trusted = RepositoryTrust.objects.filter(owner=person.user)
    return render(request, "environments/trusted_repositories.html", {"trusted": trusted})


@login_required
@require_POST
def trust_forget(request: HttpRequest, trust_id: int) -> HttpResponse:
    """Ask again from now on."""
    person = cast("PageRequest", request)
    get_object_or_404(RepositoryTrust, pk=trust_id, owner=person.user).delete()
    messages.success(request, _("You will be asked again before that repository is launched from a link."))
    return redirect("environments:trust-list")
