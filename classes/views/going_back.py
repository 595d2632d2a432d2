"""Back to the page where a button was, and nowhere else."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from environments.errors import EnvironmentsError


def go_back(request: HttpRequest, *, otherwise: str, slug: str) -> HttpResponse:
    """To the address of this site that the form names in `back`; otherwise to this page of the class."""
    place = request.POST.get("back", "")
    if place.startswith("/") and url_has_allowed_host_and_scheme(place, allowed_hosts=None):
        return redirect(place)
    return redirect(otherwise, slug)


def say_why_not(request: HttpRequest, error: EnvironmentsError) -> None:
    """Say on the next page why nothing came of it."""
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")
