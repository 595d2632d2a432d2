"""Our public keys."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from lti import keys

MAX_AGE_SECONDS = 3600


@require_safe
def key_set(request: HttpRequest) -> HttpResponse:
    """For anybody, and the same for everybody. A platform may keep them for an hour."""
    response = JsonResponse({"keys": keys.public_keys(now=timezone.now())})
    patch_cache_control(response, public=True, max_age=MAX_AGE_SECONDS)
    return response
