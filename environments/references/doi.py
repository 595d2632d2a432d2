"""Digital object identifiers: how people write them, and which page one stands for."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote

from environments.errors import UserError
from environments.references.addresses import read_url, shown
from environments.references.http import get

RESOLVER = "https://doi.org"
"""Knows where every one of them leads."""

_DOI = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))10\.[0-9]{4,9}(?:\.[0-9]+)*/[A-Za-z0-9._;()/:+~-]{1,200}")
_MARK = re.compile(r"doi:\s*", re.IGNORECASE)
_HOSTS = ("doi.org", "www.doi.org", "dx.doi.org")


def doi_in(text: str) -> str:
    """The DOI that a text is: `10.5281/zenodo.3242074`, `doi:10.5281/…`; empty if it is none."""
    mark = _MARK.match(text)
    bare = (text[mark.end() :] if mark else text).rstrip("/.")
    return bare if _DOI.fullmatch(bare) else ""


def is_doi_page(url: SplitResult) -> bool:
    """Whether this is an address of the service that knows all DOIs."""
    return url.netloc in _HOSTS


def doi_at(url: SplitResult) -> str:
    """The DOI that an address like https://doi.org/10.5281/zenodo.3242074 means; empty for any other address."""
    return doi_in(unquote(url.path).lstrip("/")) if is_doi_page(url) else ""


def page_of(doi: str, resolver: str = RESOLVER) -> SplitResult:
    """The page a DOI stands for, which itself is not asked: some turn away whatever is no browser.

    Raises UserError `record_not_found`, SystemFailure `repository_unreachable` or `repository_rate_limited`.
    """
    answer = get(f"{resolver}/{quote(doi)}", follow=False, max_bytes=0)
    if answer.leads_to:
        return read_url(answer.leads_to)
    if answer.status in (400, 404, 410):
        raise UserError("record_not_found", record=shown(doi))
    raise answer.refusal()
