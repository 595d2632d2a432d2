"""Gists: `gist/<owner>/<id>[/<commit>]`."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote

from environments.errors import UserError
from environments.references.addresses import repository_path, segments, shown
from environments.references.base import Pasted, check_ref
from environments.references.remotes import fetch_url, find_commit
from environments.values import Credential, Reference, ResolvedRepository

_OWNER = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38})")
_ID = re.compile(r"[0-9a-f]{1,32}")
_NOBODY = "anonymous"
"""Who owns a gist whose owner the address does not name, as GitHub itself once wrote."""


class Gist:
    """Small repositories at GitHub, known by an id; the owner is there for people to read."""

    prefix = "gist"
    label = "Gist"

    def __init__(self, site: str = "https://gist.github.com") -> None:
        self.site = site

    def parse(self, spec: str) -> Reference:
        owner, _slash, rest = spec.strip("/").partition("/")
        if not rest:
            owner, rest = _NOBODY, owner
        gist, _slash, ref = rest.partition("/")
        return self._reference(owner, gist, unquote(ref))

    def spec_of(self, reference: Reference) -> str:
        return f"{reference.repository}/{quote(reference.ref)}".rstrip("/")

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        if url.netloc != self.site.partition("://")[2]:
            return None
        parts = segments(repository_path(url))
        if len(parts) == 1:
            parts = [_NOBODY, *parts]
        owner, gist, found = [*parts, "", "", ""][:3]
        return Pasted(self._reference(owner, gist.removesuffix(".git"), ref or found))

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        url, page = f"{self.site}/{reference.repository.rpartition('/')[2]}.git", self.web_url(reference)
        commit = find_commit(fetch_url(url, credential), reference.ref, repository=page, credential=credential)
        return ResolvedRepository(url, commit, reference.ref)

    def web_url(self, reference: Reference) -> str:
        return f"{self.site}/{self.title(reference)}/{quote(reference.ref)}".rstrip("/")

    def title(self, reference: Reference) -> str:
        return reference.repository.removeprefix(f"{_NOBODY}/")

    def _reference(self, owner: str, gist: str, ref: str) -> Reference:
        owner, gist = owner.lower(), gist.lower()
        if not _OWNER.fullmatch(owner) or not _ID.fullmatch(gist):
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{owner}/{gist}"))
        return Reference(self.prefix, f"{owner}/{gist}", check_ref(ref))
