"""The words of the grade service: its addresses, its media types, and what comes in pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lti.errors import LtiFailure
from lti.models import Platform
from lti.paging import PageElsewhere, PageUnreadable, next_page
from lti.services import ask, document_of

LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
MAX_PAGES = 50


def part_of(line_item: str, part: str) -> str:
    """Where the scores or the results of a column are: before the query that its address may end with."""
    parts = urlsplit(line_item)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{part}").geturl()


def narrowed(url: str, **asked: str) -> str:
    """The same list, of fewer."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode([*parse_qsl(parts.query, keep_blank_values=True), *asked.items()])).geturl()


def entries(
    platform: Platform, url: str, *, accept: str, scopes: list[str], now: datetime
) -> Iterator[Mapping[str, Any]]:
    """Everything in a list, page after page of the same origin: all of it, or an error.

    Raises LtiFailure `platform_unreachable` for what is no such list, and what `ask` raises; `Unlisted` for a refusal.
    """
    at = url
    for _page in range(MAX_PAGES):
        answer = ask(platform, "GET", at, scopes=scopes, accept=accept, now=now)
        if answer.status >= 500 or answer.has_had_enough:
            raise LtiFailure("platform_unreachable", detail=f"list: HTTP status {answer.status}")
        if answer.status != 200:
            raise Unlisted(f"HTTP status {answer.status}")
        found = document_of(answer)
        if not isinstance(found, list):
            raise LtiFailure("platform_unreachable", detail="list: no JSON list")
        yield from (one for one in found if isinstance(one, dict))
        try:
            at = next_page(answer.headers.get("link", ""), of=at)
        except (PageElsewhere, PageUnreadable) as error:
            raise Unlisted(str(error)) from error
        if not at:
            return
    raise LtiFailure("platform_unreachable", detail=f"list: more than {MAX_PAGES} pages")


class Unlisted(Exception):
    """A platform that is well does not list something, or not to its end."""
