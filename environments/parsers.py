"""How the API reads what it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

MAX_BODY_BYTES = 64 * 1024


class RequestTooLarge(APIException):
    """More was sent than any request of this API can need."""

    status_code = 413
    default_code = "too_large"
    default_detail = _("That is more than the API reads.")


class BoundedJSONParser(JSONParser):
    """Reads JSON of at most `MAX_BODY_BYTES`: the limit Django puts on forms does not hold for it."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """What was sent. Raises RequestTooLarge, or ParseError for what is not JSON."""
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise RequestTooLarge
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError(_("That is nested too deeply.")) from error
