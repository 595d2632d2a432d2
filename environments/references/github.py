"""GitHub: `gh/<owner>/<name>/<ref>`."""

from __future__ import annotations

import hashlib
import logging
import re
from urllib.parse import SplitResult, quote, unquote, urlsplit

from django.conf import settings
from django.core.cache import cache

from environments.errors import SystemFailure, UserError
from environments.references.addresses import segments, shown
from environments.references.base import NEWEST, Pasted, check_ref, is_commit, split_tree, urlpath_to
from environments.references.http import Answer, get
from environments.references.remotes import fetch_url, find_commit
from environments.values import Credential, Reference, ResolvedRepository

logger = logging.getLogger(__name__)

ETAG_SECONDS = 24 * 3600
"""How long an answer is kept to ask whether it still holds, which GitHub does not count."""
_OWNER = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38})")
_NAME = re.compile(r"(?!\.{1,2}$)[a-z0-9._-]{1,100}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{4,39}")


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
        asked = f"/repos/{reference.repository}/commits/{quote(reference.ref or NEWEST, safe='')}"
        key = f"github-commit:{hashlib.sha256(f'{self.api}{asked}'.encode()).hexdigest()}"
        etag, known = cache.get(key) or ("", "")
        answer = self._ask(asked, etag)
        if answer.status == 304 and known:
            return str(known)
        if answer.status != 200:
            raise self._absence(reference, answer)
        commit = answer.body.decode("ascii", errors="replace").strip()
        if not is_commit(commit):
            raise SystemFailure("repository_unreachable", host=_host(self.api), detail=commit[:80])
        if "etag" in answer.headers:
            cache.set(key, (answer.headers["etag"], commit), ETAG_SECONDS)
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

    def _absence(self, reference: Reference, answer: Answer) -> UserError:
        """404 is said of missing and private repositories and of some refs, the others of refs only."""
        page = f"{self.site}/{reference.repository}"
        if answer.status in (404, 451) and self._ask(f"/repos/{reference.repository}").status != 200:
            return UserError("repository_not_found", repository=page)
        return UserError("ref_unknown", repository=page, ref=reference.ref or NEWEST)

    def _ask(self, path: str, etag: str = "") -> Answer:
        """The API's answer, if it is about the repository. Raises SystemFailure if it is about us or itself."""
        headers = {"Accept": "application/vnd.github.sha", "X-GitHub-Api-Version": "2022-11-28"}
        if etag:
            headers["If-None-Match"] = etag
        secrets = {"Authorization": f"Bearer {settings.GITHUB_TOKEN}"} if settings.GITHUB_TOKEN else {}
        answer = get(f"{self.api}{path}", headers=headers, secrets=secrets)
        if answer.status in (200, 304, 404, 409, 422, 451):
            return answer
        host = _host(self.api)
        if answer.status == 429 or answer.headers.get("x-ratelimit-remaining") == "0":
            raise SystemFailure("repository_rate_limited", host=host, minutes=answer.minutes_to_wait())
        raise SystemFailure("repository_unreachable", host=host, detail=f"HTTP status {answer.status}")


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _ref_and_path(kind: str, rest: list[str], ref: str) -> tuple[str, str]:
    """What the rest of a page's address says, after `/<owner>/<name>/<kind>/`."""
    if kind in ("tree", "blob", "raw", "blame", "edit", "commits"):
        return split_tree(rest, ref)
    if kind == "commit":
        return "".join(rest[:1]), ""
    if kind == "releases" and rest[:1] == ["tag"]:
        return "/".join(rest[1:]), ""
    return "", ""
