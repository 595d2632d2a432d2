"""Figshare: `figshare/<DOI>[.v<n>]`. Without a version it is the newest one."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote

from environments.errors import UserError
from environments.references.addresses import shown
from environments.references.archives import (
    MAX_FILES,
    MAX_LISTING_BYTES,
    items,
    json_in,
    marked,
    member,
    number,
    text,
    too_many_files,
    unmarked,
    version_in,
)
from environments.references.asking import ask
from environments.references.base import Pasted
from environments.references.doi import RESOLVER, doi_in, page_of
from environments.references.http import Answer, get
from environments.values import Credential, Reference, RemoteFile, ResolvedRepository

_PAGE_SIZE = 1000
_VERSIONED = re.compile(r"(?P<doi>.+?)(?:\.v(?P<version>[1-9][0-9]{0,3}))?")
_OWN_DOI = re.compile(r"10\.6084/m9\.figshare\.(?P<article>[0-9]{1,12})")
_ARTICLE_PAGE = re.compile(r"/articles/(?:[^/]+/){0,2}(?P<article>[0-9]{1,12})(?:/(?P<version>[1-9][0-9]{0,3}))?/?")
_VERSION = re.compile(r"v?(?P<version>[1-9][0-9]{0,3})")


class Figshare:
    """Asks the API, which knows the articles of every site at Figshare by number.

    The pages of articles turn away whatever is no browser, so nothing is asked of them.
    """

    prefix = "figshare"
    label = "Figshare"

    def __init__(
        self, site: str = "https://figshare.com", api: str = "https://api.figshare.com/v2", resolver: str = RESOLVER
    ) -> None:
        self.site = site
        self.api = api
        self.resolver = resolver

    def parse(self, spec: str) -> Reference:
        doi = doi_in(unquote(spec).strip("/"))
        match = _VERSIONED.fullmatch(doi.lower())
        if not match:
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{spec}"))
        return Reference(self.prefix, match["doi"], f"v{match['version']}" if match["version"] else "")

    def spec_of(self, reference: Reference) -> str:
        return quote(_doi_of(reference))

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        host, own = url.netloc, self.site.partition("://")[2]
        if host != own and not host.endswith(f".{own}"):
            return None
        match = _ARTICLE_PAGE.fullmatch(url.path)
        if not match:
            raise UserError("repository_invalid", repository=shown(url.geturl()))
        version = f"v{match['version']}" if match["version"] else ""
        return Pasted(Reference(self.prefix, f"10.6084/m9.figshare.{match['article']}", version))

    def claim_doi(self, doi: str) -> Reference | None:
        reference = self.parse(doi)
        return reference if _OWN_DOI.fullmatch(reference.repository) else None

    def check_version(self, ref: str) -> str:
        match = _VERSION.fullmatch(ref)
        if ref and not match:
            raise UserError("ref_invalid", ref=shown(ref))
        return f"v{match['version']}" if match else ""

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        article, version = self._place(reference)
        asked = f"{self.api}/articles/{article}" + (f"/versions/{version}" if version else "")

        def read(answer: Answer) -> str:
            return version_in(text(self._open(answer, _doi_of(reference)), "version"), answer.url)

        found = ask(asked, read, max_bytes=MAX_LISTING_BYTES)
        page = f"{self.site}/articles/_/{article}"
        return ResolvedRepository(marked(self.prefix, page), f"{article}.v{found}", reference.ref)

    def files(self, repository: ResolvedRepository) -> list[RemoteFile]:
        record, (article, _dot, version) = unmarked(repository.url), repository.commit.partition(".v")
        asked = f"{self.api}/articles/{article}/versions/{version}"
        folders = member(self._open(get(asked, max_bytes=MAX_LISTING_BYTES), record), "folder_structure")
        listed = [file for file in self._listed(f"{asked}/files", record) if member(file, "is_link_only") is not True]
        return [
            RemoteFile(
                path="/".join(filter(None, [text(folders, text(file, "id")), text(file, "name")])),
                # Where download_url leads may turn away whatever is no browser. This does not.
                url=f"{self.api}/file/download/{quote(text(file, 'id'), safe='')}",
                key=text(file, "id"),
                size=number(file, "size"),
                checksum=f"md5:{text(file, 'computed_md5')}" if text(file, "computed_md5") else "",
            )
            for file in listed
        ]

    def web_url(self, reference: Reference) -> str:
        return f"{RESOLVER}/{quote(_doi_of(reference))}"

    def title(self, reference: Reference) -> str:
        return reference.repository

    def _place(self, reference: Reference) -> tuple[str, str]:
        """The number of an article, and of the version that is wanted; empty for the newest."""
        wanted = reference.ref.removeprefix("v")
        if match := _OWN_DOI.fullmatch(reference.repository):
            return match["article"], wanted
        page = page_of(_doi_of(reference), self.resolver)
        match = _ARTICLE_PAGE.fullmatch(page.path)
        if match is None:
            raise UserError("record_elsewhere", record=_doi_of(reference), host=page.netloc, archive=self.label)
        return match["article"], wanted or match["version"] or ""

    def _open(self, answer: Answer, record: str) -> object:
        """What is said of an article that everybody may download."""
        said = json_in(answer, record=record)
        if any(member(said, closed) is True for closed in ("is_embargoed", "is_confidential", "download_disabled")):
            raise UserError("record_restricted", record=shown(record))
        return said

    def _listed(self, asked: str, record: str) -> list[object]:
        """The article itself names its first ten files only."""
        listed = list[object]()
        for page in range(1, MAX_FILES // _PAGE_SIZE + 2):
            answer = get(f"{asked}?page={page}&page_size={_PAGE_SIZE}", max_bytes=MAX_LISTING_BYTES)
            found = items({"files": json_in(answer, record=record)}, "files")
            listed += found
            if len(found) < _PAGE_SIZE:
                return listed
        raise too_many_files(record)


def _doi_of(reference: Reference) -> str:
    return f"{reference.repository}.{reference.ref}" if reference.ref else reference.repository
