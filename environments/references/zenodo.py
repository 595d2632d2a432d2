"""Zenodo: `zenodo/<DOI>`. Each version is a record with a DOI of its own; the concept's DOI means the newest."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote

from environments.errors import UserError
from environments.references.addresses import read_url, shown
from environments.references.archives import (
    MAX_LISTING_BYTES,
    check_no_version,
    items,
    json_in,
    marked,
    number,
    origin_of,
    page_at,
    text,
    version_in,
)
from environments.references.asking import ask
from environments.references.base import Pasted, urlpath_to
from environments.references.doi import RESOLVER, doi_in, page_of
from environments.references.http import Answer, get
from environments.values import Credential, Reference, RemoteFile, ResolvedRepository

_OWN_DOI = re.compile(r"(?P<authority>10\.5281|10\.5072)/zenodo\.(?P<record>[0-9]{1,12})")
_RECORD_PAGE = re.compile(r"(?:/api)?/records?/(?P<record>[A-Za-z0-9-]{1,32})(?:/(?P<rest>.*))?")
_DOI_PAGE = re.compile(r"/doi/(?P<doi>10\..+)")
_OPENED = re.compile(r"(?:files|preview)/(?P<path>[^/]+\.(?:ipynb|md|py|R|Rmd|jl|csv|txt))")
_CLOSED = ("restricted", "closed", "embargoed")


class Zenodo:
    """Asks for records by number. A DOI of another shape is followed to its page, which tells the number.

    Other sites that run the same software answer alike, and are reached that way too.
    """

    prefix = "zenodo"
    label = "Zenodo"

    def __init__(
        self, site: str = "https://zenodo.org", sandbox: str = "https://sandbox.zenodo.org", resolver: str = RESOLVER
    ) -> None:
        self.sites = {"10.5281": site, "10.5072": sandbox}
        self.resolver = resolver

    def parse(self, spec: str) -> Reference:
        doi = doi_in(unquote(spec).strip("/"))
        if not doi:
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{spec}"))
        return Reference(self.prefix, doi.lower())

    def spec_of(self, reference: Reference) -> str:
        return quote(reference.repository)

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        host = url.netloc.removeprefix("www.")
        authority = next((key for key, site in self.sites.items() if read_url(site).netloc == host), "")
        if not authority:
            return None
        if match := _DOI_PAGE.fullmatch(url.path):
            return Pasted(self.parse(match["doi"]))
        match = _RECORD_PAGE.fullmatch(url.path)
        if not match or not match["record"].isdecimal():
            raise UserError("repository_invalid", repository=shown(url.geturl()))
        opened = _OPENED.fullmatch(match["rest"] or "")
        reference = Reference(self.prefix, f"{authority}/zenodo.{match['record']}")
        return Pasted(reference, urlpath_to(unquote(opened["path"])) if opened else "")

    def claim_doi(self, doi: str) -> Reference | None:
        return Reference(self.prefix, doi.lower()) if _OWN_DOI.fullmatch(doi.lower()) else None

    def check_version(self, ref: str) -> str:
        return check_no_version(ref, self.label)

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        site, record = self._place(reference.repository)
        version = self._version(site, record, reference.repository)
        return ResolvedRepository(marked(self.prefix, f"{site}/records/{version}"), version, "")

    def files(self, repository: ResolvedRepository) -> list[RemoteFile]:
        page = page_at(repository)
        answer = get(f"{origin_of(page)}/api{page.path}/files", max_bytes=MAX_LISTING_BYTES)
        entries = items(json_in(answer, record=page.geturl()), "entries")
        return [
            RemoteFile(
                path=text(entry, "key"),
                url=text(entry, "links", "content"),
                key=text(entry, "key"),
                size=number(entry, "size"),
                checksum=text(entry, "checksum"),
            )
            for entry in entries
        ]

    def web_url(self, reference: Reference) -> str:
        match = _OWN_DOI.fullmatch(reference.repository)
        if match is None:
            return f"{RESOLVER}/{quote(reference.repository)}"
        return f"{self.sites[match['authority']]}/records/{match['record']}"

    def title(self, reference: Reference) -> str:
        return reference.repository

    def _place(self, doi: str) -> tuple[str, str]:
        """The site a record is on, and its number there."""
        if match := _OWN_DOI.fullmatch(doi):
            return self.sites[match["authority"]], match["record"]
        page = page_of(doi, self.resolver)
        match = _RECORD_PAGE.fullmatch(page.path)
        if match is None:
            raise UserError("record_elsewhere", record=doi, host=page.netloc, archive=self.label)
        return origin_of(page), match["record"]

    def _version(self, site: str, record: str, doi: str) -> str:
        """The number of the record; for a concept's number, that of its newest version.

        The API need not know concepts, but their pages lead on.
        """

        def read(answer: Answer) -> str:
            said = json_in(answer, record=doi)
            closed = {text(said, "metadata", "access_right"), text(said, "access", "files")}.intersection(_CLOSED)
            if closed:
                raise UserError("record_restricted", record=doi)
            return version_in(text(said, "id"), answer.url)

        try:
            return ask(f"{site}/api/records/{record}", read, max_bytes=MAX_LISTING_BYTES)
        except UserError as error:
            newest = _newest(site, record) if error.code == "record_not_found" else ""
            if newest in ("", record):
                raise
        return ask(f"{site}/api/records/{newest}", read, max_bytes=MAX_LISTING_BYTES)


def _newest(site: str, concept: str) -> str:
    """Where the page of a concept leads; empty if it leads to no record of the same site."""
    answer = get(f"{site}/records/{concept}", max_bytes=0)
    if answer.status not in (200, 404, 410):
        raise answer.refusal()
    page = read_url(answer.url)
    match = _RECORD_PAGE.fullmatch(page.path)
    return match["record"] if match and answer.status == 200 and origin_of(page) == site else ""
