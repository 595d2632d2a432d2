"""Who may see the pages about learning platforms: whoever runs this Carrel."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.models import Role
from environments.views.requests import PageRequest

P = ParamSpec("P")


def for_operators(
    view: Callable[Concatenate[PageRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let only administrators of the site see a page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        asking = cast("PageRequest", request)
        if asking.user.role != Role.ADMINISTRATOR:
            raise PermissionDenied
        return view(asking, *args, **kwargs)

    return cast("Callable[Concatenate[HttpRequest, P], HttpResponse]", login_required(guarded))
