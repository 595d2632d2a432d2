"""The one shape in which the API says that something went wrong, whatever it was."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.core.signals import got_request_exception
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import UnsupportedMediaType, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.tokens import ScopeMissing
from environments.errors import REASONS as ENVIRONMENTS_REASONS
from environments.errors import EnvironmentsError, Reason, SystemFailure

logger = logging.getLogger(__name__)

REASONS: dict[str, Reason] = {
    **{
        code: ENVIRONMENTS_REASONS[code]
        for code in ("unexpected", "not_authenticated", "scope_missing", "method_not_allowed", "throttled")
    },
    "invalid": Reason(
        _("Some of what was sent cannot be used."),
        _("Correct the fields that are named and send it again."),
        status=400,
    ),
    "parse_error": Reason(
        _("What was sent is not readable JSON."),
        _("Send one JSON object, in UTF-8."),
        status=400,
    ),
    "permission_denied": Reason(
        _("You may not do that."),
        _("If you think you should, ask whoever runs this Carrel."),
        status=403,
    ),
    "not_found": Reason(
        _("There is nothing at this address, or it is not yours."),
        _("Check the address. Each address of the API ends with a slash."),
        status=404,
    ),
    "not_acceptable": Reason(
        _("This address answers in JSON only."),
        _("Ask for application/json in the header Accept, or leave that header out."),
        status=406,
    ),
    "too_large": Reason(
        _("That is more than the API reads."),
        _("Send only the fields that are described."),
        status=413,
    ),
    "unsupported_media_type": Reason(
        _("This address reads {media_type} only."),
        _("Send that, with the header “Content-Type: {media_type}”."),
        status=415,
    ),
}
"""The API's own codes, beside those of `environments.errors`."""


def api_exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Turn what a view raised into `{code, message, next_step, fields?}` with a fitting status.

    What nobody expected is logged with its traceback and answered without it.
    """
    if isinstance(error, EnvironmentsError):
        return _explained(error)
    # Django REST framework knows the status, and the headers WWW-Authenticate, Allow and Retry-After.
    response = exception_handler(error, dict(context))
    if response is None:
        return _unexpected(error, context)
    response.data = _body(_code_of(error, response), error, context)
    return response


def _explained(error: EnvironmentsError) -> Response:
    if isinstance(error, SystemFailure):
        logger.warning("the API answered with a failure: %s", error)
    words = error.explain()
    body: dict[str, Any] = {"code": words.code, "message": words.sentence, "next_step": words.next_step}
    if option := error.facts.get("option"):
        body["fields"] = {str(option): [words.sentence]}
    return Response(body, status=error.status)


def _unexpected(error: Exception, context: Mapping[str, Any]) -> Response:
    request = context["request"]
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    # As Django does for its own pages: what reports errors listens to this.
    got_request_exception.send(sender=None, request=request._request)
    return Response(_body("unexpected", error, context), status=500)


def _code_of(error: Exception, response: Response) -> str:
    """The stable code: the exception's own where we know it, else by status (all of 401 is one code)."""
    if response.status_code == 401:
        return "not_authenticated"
    if isinstance(error, Http404):
        return "not_found"
    code = getattr(error, "default_code", "permission_denied")
    return code if code in REASONS else "unexpected"


def _body(code: str, error: Exception, context: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"scope": error.scope.value} if isinstance(error, ScopeMissing) else {}
    if isinstance(error, UnsupportedMediaType):
        facts = {"media_type": context["view"].parser_classes[0].media_type}
    reason = REASONS[code]
    body: dict[str, Any] = {
        "code": code,
        "message": str(reason.sentence).format_map(facts),
        "next_step": str(reason.next_step).format_map(facts),
    }
    if isinstance(error, ValidationError):
        fields = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        body["fields"] = {name: _flat(words) for name, words in fields.items()}
    return body


def _flat(words: Any) -> list[Any]:
    """What is wrong with a field; of a list, what is wrong with any of its items, each thing once."""
    if not isinstance(words, dict):
        return list(words)
    return list(dict.fromkeys(each for item in words.values() for each in _flat(item)))
