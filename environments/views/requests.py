"""The request as the views of this app meet it."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class PageRequest(HttpRequest):
    """Of somebody signed in, and perhaps made by htmx."""

    user: User
    htmx: HtmxDetails
