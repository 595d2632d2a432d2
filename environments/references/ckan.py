"""CKAN: `ckan/<percent-encoded address of a dataset>`, on whatever site.

A dataset is what its page says at the moment of its last change, or at the moment of an activity in its history.
The files themselves may be anywhere, and nobody vouches for their sizes and checksums.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from environments.errors import UserError
from environments.references.addresses import MAX_ADDRESS, read_url, scheme_of, shown
from environments.references.archives import (
    MAX_LISTING_BYTES,
    items,
    json_in,
    marked,
    member,
    origin_of,
    path_in,
    text,
    unmarked,
    version_in,
)
from environments.references.asking import ask
from environments.references.base import Pasted
from environments.references.http import Answer, get
from environments.values import Credential, Reference, RemoteFile, ResolvedRepository

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_GIT = r"(?:-|src|tree|blob|raw|commits?|releases|issues|pulls)"
_DATASET_PAGE = re.compile(
    rf"(?P<root>(?:/[A-Za-z0-9._~-]+){{0,2}})/dataset/(?:(?:activity|groups|edit|resources)/)?(?!{_OF_GIT}/)"
    rf"(?P<name>[A-Za-z0-9_-]{{2,100}})(?:/(?:history/(?P<activity>[0-9a-f-]{{36}})|(?!{_OF_GIT}(?:/|$)).*))?/?"
)
_LANGUAGE = re.compile(r"/[a-z]{2}(?:_[A-Za-z]{2,4})?$")


class Ckan:
    """Claims any address that looks like a dataset's page, unless it ends in `.git`."""

    prefix = "ckan"
    label = "CKAN"

    def parse(self, spec: str) -> Reference:
        words = unquote(spec).strip("/")
        pasted = self.claim(read_url(words), "") if scheme_of(words) else None
        if not pasted:
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{spec}"))
        return pasted.reference

    def spec_of(self, reference: Reference) -> str:
        activity = f"?activity_id={reference.ref}" if reference.ref else ""
        return quote(reference.repository + activity, safe="")

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        match = _DATASET_PAGE.fullmatch(url.path)
        if not match or url.path.endswith(".git"):
            return None
        activity = match["activity"] or parse_qs(url.query).get("activity_id", [""])[0]
        # The same dataset is shown in several languages, and the API speaks none of them.
        page = f"{origin_of(url)}{_LANGUAGE.sub('', match['root'])}/dataset/{match['name'].lower()}"
        if len(page) > MAX_ADDRESS:
            raise UserError("repository_invalid", repository=shown(page))
        return Pasted(Reference(self.prefix, page, self.check_version(activity)))

    def claim_doi(self, doi: str) -> Reference | None:
        return None

    def check_version(self, ref: str) -> str:
        if ref and not _UUID.fullmatch(ref):
            raise UserError("ref_invalid", ref=shown(ref))
        return ref

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        root, _path, name = reference.repository.rpartition("/dataset/")

        def read(answer: Answer) -> tuple[str, str]:
            said = _dataset(answer, reference.repository)
            version = reference.ref or text(said, "metadata_modified")
            return version_in(text(said, "id"), answer.url), version_in(version, answer.url)

        key, version = ask(_question(root, name, reference.ref), read, max_bytes=MAX_LISTING_BYTES)
        return ResolvedRepository(marked(self.prefix, f"{root}/dataset/{key}"), version, reference.ref)

    def files(self, repository: ResolvedRepository) -> list[RemoteFile]:
        record = unmarked(repository.url)
        root, _path, key = record.rpartition("/dataset/")
        activity = repository.commit if _UUID.fullmatch(repository.commit) else ""
        answer = get(_question(root, key, activity), max_bytes=MAX_LISTING_BYTES)
        said = _dataset(answer, record)
        if not activity and version_in(text(said, "metadata_modified"), answer.url) != repository.commit:
            raise UserError("record_changed", record=shown(record))
        listed = [resource for resource in items(said, "resources") if text(resource, "url")]
        return [RemoteFile(_name(resource), text(resource, "url"), text(resource, "id")) for resource in listed]

    def web_url(self, reference: Reference) -> str:
        return reference.repository + (f"?activity_id={reference.ref}" if reference.ref else "")

    def title(self, reference: Reference) -> str:
        return reference.repository.partition("://")[2].replace("/dataset/", "/")


def _question(root: str, name: str, activity: str) -> str:
    asked = f"activity_data_show?id={activity}&object_type=package" if activity else f"package_show?id={name}"
    return f"{root}/api/3/action/{asked}"


def _dataset(answer: Answer, record: str) -> object:
    """What is said of a dataset; a site that does not answer as CKAN does is none."""
    if answer.status == 404 and b'"success"' not in answer.body:
        raise UserError("ckan_unrecognised", record=shown(record), host=urlsplit(record).netloc)
    return member(json_in(answer, record=record), "result")


def _name(resource: object) -> str:
    """The last part of where it is, as Binder calls it."""
    return path_in(text(resource, "url")).rstrip("/").rpartition("/")[2] or text(resource, "id")
