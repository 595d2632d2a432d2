"""GitHub: `gh/<owner>/<name>/<ref>`."""

from __future__ import annotations

import logging
import re
from functools import partial
from urllib.parse import SplitResult, quote, unquote, urlsplit

from django.conf import settings

from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.references.addresses import segments, shown
from environments.references.asking import ask
from environments.references.base import NEWEST, Pasted, check_ref, is_commit, split_tree, urlpath_to
from environments.references.http import Answer, get
from environments.references.listing import names_listed
from environments.references.remotes import fetch_url, find_commit
from environments.values import Credential, Reference, ResolvedRepository

logger = logging.getLogger(__name__)

_OWNER = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38})")
_NAME = re.compile(r"(?!\.{1,2}$)[a-z0-9._-]{1,100}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{4,39}")
_HEADERS = {"Accept": "application/vnd.github.sha", "X-GitHub-Api-Version": "2022-11-28"}
_ABOUT_REPOSITORY = (404, 409, 422, 451)
"""What the API answers about a repository or ref that is not there; everything else is about us or itself."""


class GitHub:
    """Asks the API, which knows short commits and answers fast; when that will not answer, asks git."""

    prefix = "gh"
    label = "GitHub"

    def __init__(self, site: str = "https://github.com", api: str = "https://api.github.com") -> None:
        self.site = site
        self.api = api

    def parse(self, spec: str) -> Reference:
        owner, name, ref = [*spec.split("/", 2), "", ""][:3]
        return self._reference(owner, name, unquote(ref))

    def spec_of(self, reference: Reference) -> str:
        return f"{reference.repository}/{quote(reference.ref)}".rstrip("/")

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        if url.netloc.removeprefix("www.") != self.site.partition("://")[2]:
            return None
        owner, name, kind, *rest = [*segments(url.path), "", "", ""]
        found, path = _ref_and_path(kind, [part for part in rest if part], ref)
        return Pasted(self._reference(owner, name, ref or found), urlpath_to(path))

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        commit = self._commit_by_git(reference, credential) if credential else self._commit(reference)
        return ResolvedRepository(f"{self.site}/{reference.repository}", commit, reference.ref)

    def web_url(self, reference: Reference) -> str:
        page = f"{self.site}/{reference.repository}"
        return f"{page}/tree/{quote(reference.ref)}" if reference.ref else page

    def title(self, reference: Reference) -> str:
        return reference.repository

    def names_in(self, reference: Reference, commit: str, folder: str) -> list[str]:
        asked = f"{self.api}/repos/{reference.repository}/contents/{quote(folder)}?ref={commit}"
        headers = {**_HEADERS, "Accept": "application/vnd.github+json"}
        return ask(asked, names_listed, headers=headers, secrets=_secrets())

    def _reference(self, owner: str, name: str, ref: str) -> Reference:
        owner, name = owner.lower(), name.lower().removesuffix(".git")
        if not _OWNER.fullmatch(owner) or not _NAME.fullmatch(name):
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{owner}/{name}"))
        return Reference(self.prefix, f"{owner}/{name}", check_ref(ref))

    def _commit(self, reference: Reference) -> str:
        try:
            return self._commit_by_api(reference)
        except SystemFailure as refusal:
            logger.info("GitHub's API does not help with %s: %s", reference, refusal)
            return self._commit_by_git(reference, refusal=refusal)

    def _commit_by_api(self, reference: Reference) -> str:
        """The commit. Raises SystemFailure when the API will not say, whatever its reason."""
        asked = f"{self.api}/repos/{reference.repository}/commits/{quote(reference.ref or NEWEST, safe='')}"
        return ask(asked, partial(self._read_commit, reference), headers=_HEADERS, secrets=_secrets())

    def _read_commit(self, reference: Reference, answer: Answer) -> str:
        if answer.status != 200:
            raise self._absence(reference, answer)
        commit = answer.body.decode("ascii", errors="replace").strip()
        if not is_commit(commit):
            raise SystemFailure("repository_unreachable", host=urlsplit(self.api).netloc, detail=commit[:80])
        return commit

    def _commit_by_git(
        self, reference: Reference, credential: Credential | None = None, *, refusal: SystemFailure | None = None
    ) -> str:
        """The commit, asked of git alone: with a credential, or after this `refusal` of the API."""
        page = f"{self.site}/{reference.repository}"
        try:
            url = fetch_url(page, credential)
            return find_commit(url, reference.ref, repository=page, credential=credential)
        except UserError as error:
            if refusal and error.code == "ref_unknown" and _SHORT_COMMIT.fullmatch(reference.ref):
                # git cannot look a short commit up, so this is no proof that there is none.
                raise refusal from error
            raise

    def _absence(self, reference: Reference, answer: Answer) -> EnvironmentsError:
        """404 is said of missing and private repositories and of some refs, the others of refs only."""
        page = f"{self.site}/{reference.repository}"
        if answer.status in (404, 451) and not self._exists(reference):
            return UserError("repository_not_found", repository=page)
        if answer.status in _ABOUT_REPOSITORY:
            return UserError("ref_unknown", repository=page, ref=reference.ref or NEWEST)
        return answer.refusal()

    def _exists(self, reference: Reference) -> bool:
        answer = get(f"{self.api}/repos/{reference.repository}", headers=_HEADERS, secrets=_secrets())
        if answer.status != 200 and answer.status not in _ABOUT_REPOSITORY:
            raise answer.refusal()
        return answer.status == 200


def _secrets() -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.GITHUB_TOKEN}"} if settings.GITHUB_TOKEN else {}


def _ref_and_path(kind: str, rest: list[str], ref: str) -> tuple[str, str]:
    """What the rest of a page's address says, after `/<owner>/<name>/<kind>/`."""
    if kind in ("tree", "blob", "raw", "blame", "edit", "commits"):
        return split_tree(rest, ref)
    if kind == "commit":
        return "".join(rest[:1]), ""
    if kind == "releases" and rest[:1] == ["tag"]:
        return "/".join(rest[1:]), ""
    return "", ""
