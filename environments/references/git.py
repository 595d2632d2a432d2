"""Any git repository at an https address: `git/<percent-encoded URL>/<ref>`.

Where the operator allows it (`REPOSITORY_ALLOW_LOCAL`), the URL may be a directory of this machine too.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from environments.errors import UserError
from environments.references.addresses import MAX_ADDRESS, is_local, read_url, repository_path, segments, shown
from environments.references.base import Pasted, check_ref, split_tree, urlpath_to
from environments.references.remotes import fetch_url, find_commit
from environments.values import Credential, Reference, ResolvedRepository

_UNENCODED = re.compile(r"(?P<url>https?://.+?)(?:\.git(?:/(?P<ref>.*))?)?", re.IGNORECASE)
_GITLAB_PAGE = re.compile(r"(?P<project>/.+?)/-/(?:(?:tree|blob|raw|commits?|tags)/(?P<rest>.+)|.*)")
_GITEA_PAGE = re.compile(r"(?P<project>/[^/]+/[^/]+)/src/(?:branch|tag|commit)/(?P<rest>.+)")


class Git:
    """Repositories known by nothing but their address."""

    prefix = "git"
    label = _("Any git repository")

    def parse(self, spec: str) -> Reference:
        if match := _UNENCODED.fullmatch(spec):
            return self._reference(match["url"], unquote(match["ref"] or ""))
        address, _slash, ref = spec.partition("/")
        return self._reference(unquote(address), unquote(ref))

    def spec_of(self, reference: Reference) -> str:
        return f"{quote(reference.repository, safe='')}/{quote(reference.ref)}".rstrip("/")

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        for page in (_GITLAB_PAGE, _GITEA_PAGE):
            if match := page.fullmatch(url.path):
                found, path = split_tree(segments(match["rest"] or ""), ref)
                project = url._replace(path=match["project"]).geturl()
                return Pasted(self._reference(project, ref or found), urlpath_to(path))
        return Pasted(self._reference(url.geturl(), ref))

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        repository = reference.repository
        url = _allowed_directory(repository) if is_local(repository) else fetch_url(_address(repository), credential)
        commit = find_commit(url, reference.ref, repository=repository, credential=credential)
        return ResolvedRepository(url, commit, reference.ref)

    def web_url(self, reference: Reference) -> str:
        return "" if is_local(reference.repository) else reference.repository

    def title(self, reference: Reference) -> str:
        return reference.repository.partition("://")[2] or reference.repository

    def _reference(self, address: str, ref: str) -> Reference:
        repository = _allowed_directory(address) if address.startswith("/") else _address(address)
        return Reference(self.prefix, repository, check_ref(ref))


def _address(text: str) -> str:
    """The one spelling of a repository's address: no query, no slash and no `.git` at its end."""
    url = read_url(text)
    path = repository_path(url)
    address = url._replace(path=path, query="").geturl()
    if not path or len(address) > MAX_ADDRESS:
        raise UserError("repository_invalid", repository=shown(text))
    return address


def _allowed_directory(text: str) -> str:
    """The real path of a directory on this machine, if the operator accepts those at all."""
    if not settings.REPOSITORY_ALLOW_LOCAL:
        raise UserError("repository_local_forbidden", repository=shown(text))
    if not text.isprintable() or not Path(text).is_dir():
        raise UserError("repository_not_found", repository=shown(text))
    return str(Path(text).resolve())
