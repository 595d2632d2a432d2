"""Connecting the account somebody had here to who they are on a learning platform."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.refusals import with_next
from environments.errors import EnvironmentsError
from environments.views.requests import PageRequest
from lti import people
from lti.merging.preview import preview
from lti.models import LtiPerson
from lti.views.browser import browser_of
from lti.views.pages import refusal


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def join_begin(request: HttpRequest) -> HttpResponse:
    """Say what will happen; then sign out of the account that was made, to sign in to the one that is theirs."""
    user, now = cast("PageRequest", request).user, timezone.now()
    if request.method != "POST":
        return render(request, "lti/join.html", {"person": people.made_for(user)})
    try:
        token = people.offer_to_join(user, browser=browser_of(request), now=now)
    except EnvironmentsError as error:
        return refusal(request, error)
    logout(request)
    return redirect(with_next(reverse("account_login"), reverse("lti:join-confirm", args=[token])))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def join_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whoever has signed in whether that is really them over there, and join the two."""
    user, now = cast("PageRequest", request).user, timezone.now()
    browser = browser_of(request)
    try:
        if request.method != "POST":
            return _what_would_happen(request, people.offered(token, browser=browser, now=now))
        person = people.join(token, to=user, browser=browser, now=now)
    except EnvironmentsError as error:
        return refusal(request, error)
    messages.success(request, _("From now on you come to this account from {name}.").format(name=person.platform.name))
    return redirect("classes:course-list")


def _what_would_happen(request: HttpRequest, person: LtiPerson) -> HttpResponse:
    """What comes along, or why the two cannot be one."""
    user = cast("PageRequest", request).user
    facts: dict[str, Any] = {"person": person, "name": person.name or person.sub}
    try:
        people.check_may_join(person, user)
    except EnvironmentsError as error:
        return render(request, "lti/join_confirm.html", facts | {"reason": error.explain()}, status=error.status)
    return render(request, "lti/join_confirm.html", facts | {"preview": preview(person.user, user)})
