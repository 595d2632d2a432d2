"""What a person may do to a build: no longer wait for it."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from environments.errors import UserError
from environments.models import Build
from environments.servers import leave_build
from environments.views.requests import PageRequest


@login_required
@require_POST
def build_cancel(request: HttpRequest, build_id: UUID) -> HttpResponse:
    """Stop waiting; the build itself goes on while others wait for it."""
    person = cast("PageRequest", request)
    build = get_object_or_404(Build.objects.visible_to(person.user), pk=build_id)
    try:
        leave_build(build, user=person.user, now=timezone.now())
    except UserError as error:  # It was ready in this very moment.
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")
    else:
        messages.info(request, _("Cancelled. Nothing of yours was lost."))
    return redirect("environments:home")
