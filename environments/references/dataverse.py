"""Dataverse: `dataverse/<DOI>`, of whatever installation the DOI leads to. Published versions do not change.

A dataset without a DOI that all the world knows is named by its page instead.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, quote, unquote

from environments.errors import UserError
from environments.references.addresses import MAX_ADDRESS, read_url, scheme_of, shown
from environments.references.archives import (
    MAX_LISTING_BYTES,
    items,
    json_in,
    marked,
    member,
    number,
    origin_of,
    page_at,
    text,
    version_in,
)
from environments.references.asking import ask
from environments.references.base import Pasted
from environments.references.doi import RESOLVER, doi_in, page_of
from environments.references.http import Answer, get
from environments.values import Credential, Reference, RemoteFile, ResolvedRepository

_AUTHORITIES = frozenset(
    (
        *("10.5064", "10.5683", "10.7281", "10.7910", "10.11587", "10.11588", "10.14428", "10.14711", "10.15139"),
        *("10.15787", "10.17528", "10.18167", "10.18419", "10.18710", "10.18738", "10.21223", "10.21421", "10.21950"),
        *("10.21979", "10.23667", "10.23669", "10.23708", "10.25346", "10.25504", "10.25545", "10.25578", "10.25625"),
        *("10.26165", "10.26193", "10.34622", "10.34725", "10.34894", "10.35078", "10.48349", "10.48668", "10.57745"),
    )
)
"""Who gives out DOIs of installations, so that a bare DOI can be told from those of other archives."""
_PAGE = re.compile(r"/(?:dataset\.xhtml|file\.xhtml|citation)")
_PERSISTENT_ID = re.compile(r"(?:doi|hdl|perma):[A-Za-z0-9._/():-]{3,200}")
_VERSION = re.compile(r"(?P<major>[1-9][0-9]{0,3})(?:\.(?P<minor>[0-9]{1,4}))?")
_SAFE = "/:"


class Dataverse:
    """Asks the installation for the version, by the dataset's persistent identifier or that of one of its files."""

    prefix = "dataverse"
    label = "Dataverse"

    def __init__(self, resolver: str = RESOLVER) -> None:
        self.resolver = resolver

    def parse(self, spec: str) -> Reference:
        words = unquote(spec).strip("/")
        name, _mark, version = words.partition("?version=")
        if doi := doi_in(name):
            return Reference(self.prefix, doi, self.check_version(version))
        pasted = self.claim(read_url(words), "") if scheme_of(words) else None
        if not pasted:
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{spec}"))
        return pasted.reference

    def spec_of(self, reference: Reference) -> str:
        mark = "&" if scheme_of(reference.repository) else "?"
        version = f"{mark}version={reference.ref}" if reference.ref else ""
        return quote(reference.repository + version, safe="" if scheme_of(reference.repository) else "/")

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        query = parse_qs(url.query)
        if not _PAGE.fullmatch(url.path) or "persistentId" not in query:
            return None
        identifier, version = query["persistentId"][0], query.get("version", [""])[0]
        if not _PERSISTENT_ID.fullmatch(identifier):
            raise UserError("repository_invalid", repository=shown(url.geturl()))
        wanted = self.check_version(version) if _VERSION.fullmatch(version) else ""
        doi = doi_in(identifier)
        if doi and self.claim_doi(doi):
            return Pasted(Reference(self.prefix, doi, wanted))
        page = f"{origin_of(url)}/citation?persistentId={quote(identifier, safe=_SAFE)}"
        if len(page) > MAX_ADDRESS:
            raise UserError("repository_invalid", repository=shown(page))
        return Pasted(Reference(self.prefix, page, wanted))

    def claim_doi(self, doi: str) -> Reference | None:
        return Reference(self.prefix, doi) if doi.partition("/")[0] in _AUTHORITIES else None

    def check_version(self, ref: str) -> str:
        match = _VERSION.fullmatch(ref)
        if ref and not match:
            raise UserError("ref_invalid", ref=shown(ref))
        return f"{match['major']}.{match['minor'] or 0}" if match else ""

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        page = self._page(reference)
        site, identifier = origin_of(page), parse_qs(page.query)["persistentId"][0]
        wanted = reference.ref or ":latest-published"
        try:
            dataset, version = _version(site, identifier, wanted, self.title(reference))
        except UserError as error:
            if error.code != "record_not_found":
                raise
            dataset = _dataset_of(site, identifier, self.title(reference))
            dataset, version = _version(site, dataset, wanted, self.title(reference))
        url = f"{site}/dataset.xhtml?persistentId={quote(dataset, safe=_SAFE)}"
        return ResolvedRepository(marked(self.prefix, url), version, reference.ref)

    def files(self, repository: ResolvedRepository) -> list[RemoteFile]:
        page = page_at(repository)
        site, identifier = origin_of(page), parse_qs(page.query)["persistentId"][0]
        asked = f"{_api(site, repository.commit)}/files?persistentId={quote(identifier, safe='')}"
        listed = items(json_in(get(asked, max_bytes=MAX_LISTING_BYTES), record=page.geturl()), "data")
        if any(member(file, "restricted") is True for file in listed):
            raise UserError("record_restricted", record=shown(page.geturl()))
        return [_file(site, file) for file in listed]

    def web_url(self, reference: Reference) -> str:
        is_page = bool(scheme_of(reference.repository))
        return reference.repository if is_page else f"{RESOLVER}/{quote(reference.repository)}"

    def title(self, reference: Reference) -> str:
        return reference.repository.rpartition("persistentId=")[2]

    def _page(self, reference: Reference) -> SplitResult:
        """The page of a dataset or of one of its files."""
        if scheme_of(reference.repository):
            return read_url(reference.repository)
        page = page_of(reference.repository, self.resolver)
        if not _PAGE.fullmatch(page.path) or "persistentId" not in parse_qs(page.query):
            raise UserError("record_elsewhere", record=reference.repository, host=page.netloc, archive=self.label)
        return page


def _api(site: str, version: str) -> str:
    return f"{site}/api/datasets/:persistentId/versions/{version}"


def _version(site: str, identifier: str, wanted: str, record: str) -> tuple[str, str]:
    """The persistent identifier of a dataset, as it is written there, and its version."""

    def read(answer: Answer) -> tuple[str, str]:
        said = member(json_in(answer, record=record), "data")
        found = f"{text(said, 'versionNumber')}.{text(said, 'versionMinorNumber')}"
        dataset = text(said, "datasetPersistentId")
        return dataset if _PERSISTENT_ID.fullmatch(dataset) else identifier, version_in(found, answer.url)

    asked = f"{_api(site, wanted)}?persistentId={quote(identifier, safe='')}&excludeFiles=true"
    return ask(asked, read, max_bytes=MAX_LISTING_BYTES)


def _dataset_of(site: str, identifier: str, record: str) -> str:
    """The dataset that a file with an identifier of its own is in."""
    query = f"persistentId={quote(identifier, safe='')}&returnDatasetVersion=true"
    answer = get(f"{site}/api/files/:persistentId?{query}", max_bytes=MAX_LISTING_BYTES)
    dataset = text(json_in(answer, record=record), "data", "datasetVersion", "datasetPersistentId")
    if not _PERSISTENT_ID.fullmatch(dataset):
        raise UserError("record_not_found", record=shown(record))
    return dataset


def _file(site: str, listed: object) -> RemoteFile:
    """A file as it was uploaded: of a table, a Dataverse also keeps a rendering in a format of its own.

    It does not say the checksum of the original then: some give that of the rendering, some that of neither.
    """
    file = member(listed, "dataFile")
    original = text(file, "originalFileName")
    kind, value = text(file, "checksum", "type"), text(file, "checksum", "value")
    path = "/".join(filter(None, [text(listed, "directoryLabel"), original or text(listed, "label")]))
    return RemoteFile(
        path=path,
        url=f"{site}/api/access/datafile/{quote(text(file, 'id'), safe='')}{'?format=original' if original else ''}",
        key=text(file, "id"),
        size=number(file, "originalFileSize" if original else "filesize"),
        checksum=f"{kind.replace('-', '').lower()}:{value}" if value and not original else "",
    )
