"""The pages for what goes wrong before or outside a view; for the API's addresses, the same in JSON."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from config.api_errors import REASONS
from config.context_processors import theme_of
from environments.errors import Reason

API_PREFIX = "/api/"
_CODES = {400: "invalid", 403: "permission_denied", 404: "not_found"}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request makes no sense."""
    return _error_page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: somebody signed in, or some other site's page, may not do this."""
    return _error_page(request, 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: there is no such thing, or it is somebody else's."""
    return _error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault."""
    return _error_page(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form was opened too long ago, or cookies are off."""
    explanation = _("The page you sent was opened too long ago, or your browser does not keep cookies.")
    return _error_page(request, 403, explanation=explanation)


def _error_page(request: HttpRequest, status: int, explanation: str = "") -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return _error_json(status)
    # Without the request, so that no context processor runs: the database may be what is wrong.
    page = render_to_string(f"errors/{status}.html", {"theme": theme_of(request), "explanation": explanation})
    return HttpResponse(page, status=status)


def _error_json(status: int) -> JsonResponse:
    code = _CODES.get(status, "unexpected")
    reason: Reason = REASONS[code]
    body = {"code": code, "message": str(reason.sentence), "next_step": str(reason.next_step)}
    return JsonResponse(body, status=status)
