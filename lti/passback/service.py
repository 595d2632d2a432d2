"""The words of the grade service: its addresses, its media types, and what comes in pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from environments.references.http import Answer
from lti.errors import LtiFailure
from lti.models import Platform
from lti.services import ask, document_of

LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
MAX_PAGES = 50
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


def part_of(line_item: str, part: str) -> str:
    """Where the scores or the results of a column are: before the query that its address may end with."""
    parts = urlsplit(line_item)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{part}").geturl()


def narrowed(url: str, **asked: str) -> str:
    """The same list, of fewer."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode([*parse_qsl(parts.query, keep_blank_values=True), *asked.items()])).geturl()


def is_of_same_origin(url: object, *, other: str) -> bool:
    """Whether something named by a service is where the service itself is."""
    try:
        return isinstance(url, str) and urlsplit(url)[:2] == urlsplit(other)[:2]
    except ValueError:
        return False


def entries(
    platform: Platform, url: str, *, accept: str, scopes: list[str], now: datetime
) -> Iterator[Mapping[str, Any]]:
    """Everything in a list, page after page of the same origin.

    Raises LtiFailure `platform_unreachable` for what is no such list, and what `ask` raises; `Unlisted` for a refusal.
    """
    at = url
    for _page in range(MAX_PAGES):
        answer = ask(platform, "GET", at, scopes=scopes, accept=accept, now=now)
        if answer.status >= 500 or answer.has_had_enough:
            raise LtiFailure("platform_unreachable", detail=f"list: HTTP status {answer.status}")
        if answer.status != 200:
            raise Unlisted(answer.status)
        found = document_of(answer)
        if not isinstance(found, list):
            raise LtiFailure("platform_unreachable", detail="list: no JSON list")
        yield from (one for one in found if isinstance(one, dict))
        at = next_page(answer)
        if not at:
            return
    raise LtiFailure("platform_unreachable", detail=f"list: more than {MAX_PAGES} pages")


def next_page(answer: Answer) -> str:
    """Where the list goes on; empty at its end, and for an address of another origin or one nobody can read."""
    found = _NEXT.search(answer.headers.get("link", ""))
    url = urljoin(answer.url, found[1]) if found else ""
    return url if url and is_of_same_origin(url, other=answer.url) else ""


class Unlisted(Exception):
    """A platform that is well does not list something, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
