"""From a frame of a platform into a window of its own, where a session can be kept."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.arriving import welcome
from accounts.models import User
from environments.errors import EnvironmentsError
from lti.linking import handovers
from lti.models import Platform
from lti.views.browser import known_or_new, remember
from lti.views.pages import in_frames, refusal

SIGN_IN_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def hand_over(request: HttpRequest, user: User, path: str, *, platform: Platform, now: datetime) -> HttpResponse:
    """A page with one button, for somebody whom a message has brought into a frame all the same."""
    token = handovers.offer(user, path, now=now)
    facts = {"action": reverse("lti:enter"), "fields": [("token", token)], "platform": platform}
    page = render(request, "lti/own_window.html", facts)
    return in_frames(page, of=platform.origins)


@csrf_exempt
@require_POST
def enter(request: HttpRequest) -> HttpResponse:
    """Sign in whom a token is of, which only pages of our own post: no cookie of ours comes along from a frame."""
    now = timezone.now()
    try:
        came = handovers.take(request.POST.get("token", ""), now=now)
    except EnvironmentsError as error:
        return refusal(request, error)
    welcome(came.user, now=now)
    login(request, came.user, backend=SIGN_IN_BACKEND)
    response = HttpResponseRedirect(came.path)
    remember(response, known_or_new(request))
    add_never_cache_headers(response)
    return response
