"""Taking away a learning platform that leads to one's account, and putting two accounts together."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.models import User
from environments.errors import EnvironmentsError
from environments.views.requests import PageRequest
from lti.account_forms import Confirmation, TwoAccounts
from lti.accounts import merge_by_hand, origins_of, unlink
from lti.merging.accounts import check_mergeable
from lti.merging.preview import preview
from lti.views.operators import for_operators

MERGE_PAGE = "lti/account_merge.html"
UNPROCESSABLE = 422


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


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def account_merge(request: PageRequest) -> HttpResponse:
    """Look two accounts up, say what would happen, and do it once the name of the one is typed."""
    form = TwoAccounts(request.GET or None)
    if not form.is_valid():
        return render(request, MERGE_PAGE, {"form": form}, status=UNPROCESSABLE if form.is_bound else 200)
    facts: dict[str, Any] = {"form": form, **form.cleaned_data}
    former, kept = facts["former"], facts["kept"]
    confirmation = Confirmation(request.POST if request.method == "POST" else None, former=former)
    try:
        if confirmation.is_valid():
            merge_by_hand(former, into=kept, by=request.user, now=timezone.now())
            done = _("“{former}” is closed, and what was in it is now in “{kept}”.")
            messages.success(request, done.format(**_names(former, kept)))
            return redirect("lti:account-merge")
        check_mergeable(former, kept)
    except EnvironmentsError as error:
        return render(request, MERGE_PAGE, facts | {"reason": error.explain()}, status=error.status)
    facts |= {"preview": preview(former, kept), "confirmation": confirmation}
    return render(request, MERGE_PAGE, facts, status=UNPROCESSABLE if confirmation.is_bound else 200)


def _names(former: User, kept: User) -> dict[str, str]:
    return {"former": former.username, "kept": kept.username}
