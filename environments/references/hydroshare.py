"""HydroShare: `hydroshare/<id>`. A resource has no history; the moment it was last changed names what it holds."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote

from environments.errors import UserError
from environments.references.addresses import read_url, shown
from environments.references.archives import (
    MAX_FILES,
    MAX_LISTING_BYTES,
    check_no_version,
    items,
    json_in,
    marked,
    number,
    origin_of,
    page_at,
    path_in,
    text,
    too_many_files,
    unintelligible,
    version_in,
)
from environments.references.asking import ask
from environments.references.base import Pasted, urlpath_to
from environments.references.http import Answer, get
from environments.values import Credential, Reference, RemoteFile, ResolvedRepository

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_OWN_DOI = re.compile(r"10\.4211/hs\.(?P<id>[0-9a-f]{32})")
_RESOURCE_PAGE = re.compile(r"/resource/(?P<id>[0-9a-f]{32})(?:/(?:data/contents/(?P<path>.+?))?)?/?")
_CONTENTS = "/data/contents/"


class HydroShare:
    """Fetches the files one by one: the bag of all of them would have to be waited for.

    HydroShare does not list files without content.
    """

    prefix = "hydroshare"
    label = "HydroShare"

    def __init__(self, site: str = "https://www.hydroshare.org") -> None:
        self.site = site

    def parse(self, spec: str) -> Reference:
        """Read the id, wherever it stands in what Binder accepts here: alone, in an address, in a DOI."""
        found = _ID.findall(unquote(spec).lower())
        if len(found) != 1:
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{spec}"))
        return Reference(self.prefix, found[0])

    def spec_of(self, reference: Reference) -> str:
        return reference.repository

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        if url.netloc.removeprefix("www.") != read_url(self.site).netloc.removeprefix("www."):
            return None
        match = _RESOURCE_PAGE.fullmatch(url.path)
        if not match:
            raise UserError("repository_invalid", repository=shown(url.geturl()))
        return Pasted(Reference(self.prefix, match["id"]), urlpath_to(unquote(match["path"] or "")))

    def claim_doi(self, doi: str) -> Reference | None:
        match = _OWN_DOI.fullmatch(doi.lower())
        return Reference(self.prefix, match["id"]) if match else None

    def check_version(self, ref: str) -> str:
        return check_no_version(ref, self.label)

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        page = self.web_url(reference)
        return ResolvedRepository(marked(self.prefix, page), _modified(self.site, reference.repository, page), "")

    def files(self, repository: ResolvedRepository) -> list[RemoteFile]:
        page = page_at(repository)
        site, resource, record = origin_of(page), page.path.rpartition("/")[2], page.geturl()
        listed = [
            RemoteFile(
                path=path_in(text(file, "url")).partition(_CONTENTS)[2],
                url=text(file, "url"),
                key=text(file, "url"),
                size=number(file, "size"),
                checksum=f"md5:{text(file, 'checksum')}" if text(file, "checksum") else "",
            )
            for file in _listed(f"{site}/hsapi/resource/{resource}/files/", record)
        ]
        # Asked last: what was changed while it was listed is noticed too.
        if _modified(site, resource, record) != repository.commit:
            raise UserError("record_changed", record=record)
        return listed

    def web_url(self, reference: Reference) -> str:
        return f"{self.site}/resource/{reference.repository}"

    def title(self, reference: Reference) -> str:
        return f"{self.label} {reference.repository}"


def _modified(site: str, resource: str, record: str) -> str:
    def read(answer: Answer) -> str:
        dates = items(json_in(answer, record=record), "dates")
        modified = next((text(date, "start_date") for date in dates if text(date, "type") == "modified"), "")
        return version_in(modified, answer.url)

    return ask(f"{site}/hsapi/resource/{resource}/scimeta/elements/", read, max_bytes=MAX_LISTING_BYTES)


def _listed(url: str, record: str) -> list[object]:
    """All pages of the listing, as long as each leads to another of the same host."""
    listed = list[object]()
    while len(listed) <= MAX_FILES:
        said = json_in(get(url, max_bytes=MAX_LISTING_BYTES), record=record)
        found, following = items(said, "results"), text(said, "next")
        listed += found
        if not following:
            return listed
        if not found or _host(following) != _host(url):
            raise unintelligible(url)
        url = following
    raise too_many_files(record)


def _host(url: str) -> str:
    """The host of an address nobody vouches for; empty if it is none."""
    try:
        return read_url(url).netloc
    except UserError:
        return ""
