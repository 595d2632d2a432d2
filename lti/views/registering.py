"""What a learning platform opens when its administrator registers Carrel there, often in a frame."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from environments.errors import EnvironmentsError
from lti import registration
from lti.registration import Offer
from lti.views.pages import in_frames, refusal


@csrf_exempt
@sensitive_post_parameters("registration_token")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Say what will happen, and do it on the second word: what looks at links must not use it up.

    No cookie is needed, for there may be none in a frame; the platform's own token admits to what is done.
    """
    given = request.POST if request.method == "POST" else request.GET
    try:
        offer = Offer.read(given.dict())
        if request.method != "POST":
            page = render(request, "lti/register.html", {"offer": offer})
        else:
            done = registration.register(offer, public_url=settings.PUBLIC_URL, now=timezone.now())
            page = render(request, "lti/registered.html", {"done": done, "platform": done.platform})
    except EnvironmentsError as error:
        return _in_windows(refusal(request, error, template="lti/register_refused.html"))
    return _in_windows(in_frames(page, of=[offer.origin]))


def _in_windows(response: HttpResponse) -> HttpResponse:
    """Keep a window that the platform has opened tied to it, or the page could not say when it is done."""
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response
