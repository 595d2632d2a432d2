"""Lists that platforms give page by page: where the next page is, and that it is where the list itself is. Pure.

What is not on such a list counts as not being there: a person leaves a class, a column is made. So a page that cannot
be told, or is elsewhere, is an error and never the end.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

from environments.errors import EnvironmentsError
from environments.references.addresses import read_url

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_ADDRESS = re.compile(r"<[^<>]*>")
_RELATION = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)


class PageUnreadable(Exception):
    """Whether there is a page after this one cannot be told."""


class PageElsewhere(Exception):
    """The page after this one has no address of the same origin."""


def next_page(links: str, *, of: str) -> str:
    """The address of the page after the one at `of`, from its header of links; empty after the last.

    Raises `PageElsewhere` and `PageUnreadable`.
    """
    following = [address for address, said in _LINK.findall(links) if "next" in _relations(said)]
    if not following:
        if "next" in _ADDRESS.sub("", links).lower():
            raise PageUnreadable("a broken link to the next page")
        return ""
    try:
        address: str = urljoin(of, following[0].strip())
    except ValueError as error:
        raise PageElsewhere("the next page has no address") from error
    if not is_of_same_origin(address, other=of):
        raise PageElsewhere("the next page is of another origin")
    return address


def is_of_same_origin(url: str, *, other: str) -> bool:
    """Whether something that a service names is where the service itself is."""
    try:
        return read_url(url)[:2] == read_url(other)[:2]
    except EnvironmentsError:
        return False


def _relations(said: str) -> list[str]:
    found = _RELATION.search(said)
    return (found[1] or found[2] or "").lower().split() if found else []
