"""Taking away a learning platform that leads to one's account."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from environments.errors import EnvironmentsError
from environments.views.requests import PageRequest
from lti.accounts import origins_of, unlink


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account_unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what stays and what comes of it; on the second word, do it. Of somebody else's there is nothing."""
    user = cast("PageRequest", request).user
    origin = next((origin for origin in origins_of(user) if origin.person.pk == pk), None)
    if origin is None:
        raise Http404
    platform = origin.person.platform
    if request.method != "POST":
        return render(request, "lti/account_unlink.html", {"origin": origin, "platform": platform})
    try:
        unlink(origin.person, now=timezone.now())
    except EnvironmentsError:
        return redirect("lti:account-unlink", pk)
    messages.success(request, _("%(name)s is no longer connected.") % {"name": platform.name})
    return redirect("accounts:account")
