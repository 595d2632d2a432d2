"""GitLab.com: `gl/<percent-encoded group/project>/<ref>`. Other GitLab hosts are read by `git.py`."""

from __future__ import annotations

import json
import logging
import re
from urllib.parse import SplitResult, quote, unquote

from environments.errors import SystemFailure, UserError
from environments.references.addresses import MAX_ADDRESS, segments, shown
from environments.references.asking import ask
from environments.references.base import NEWEST, Pasted, check_ref, is_commit, split_tree, urlpath_to
from environments.references.http import get
from environments.references.listing import names_listed
from environments.references.remotes import fetch_url, find_commit
from environments.values import Credential, Reference, ResolvedRepository

logger = logging.getLogger(__name__)

_PART = re.compile(r"(?!.*\.(?:git|atom)$)[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{4,39}")


class GitLab:
    """Asks the API, and git when the API will not answer."""

    prefix = "gl"
    label = "GitLab"

    def __init__(self, site: str = "https://gitlab.com") -> None:
        self.site = site

    def parse(self, spec: str) -> Reference:
        project, _slash, ref = spec.partition("/")
        parts = unquote(project).split("/")
        if len(parts) == 1:
            # Typed by hand, not encoded: then the project is not inside a subgroup.
            name, _slash, ref = ref.partition("/")
            parts.append(unquote(name))
        return self._reference(parts, unquote(ref))

    def spec_of(self, reference: Reference) -> str:
        return f"{quote(reference.repository, safe='')}/{quote(reference.ref)}".rstrip("/")

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        if url.netloc.removeprefix("www.") != self.site.partition("://")[2]:
            return None
        project, _dash, page = url.path.partition("/-/")
        kind, *rest = [*segments(page), ""]
        found, path = ("", "")
        if kind in ("tree", "blob", "raw", "commit", "commits", "tags"):
            found, path = split_tree([part for part in rest if part], ref)
        return Pasted(self._reference(segments(project), ref or found), urlpath_to(path))

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        commit = self._commit_by_git(reference, credential) if credential else self._commit(reference)
        return ResolvedRepository(f"{self.site}/{reference.repository}.git", commit, reference.ref)

    def web_url(self, reference: Reference) -> str:
        page = f"{self.site}/{reference.repository}"
        return f"{page}/-/tree/{quote(reference.ref)}" if reference.ref else page

    def title(self, reference: Reference) -> str:
        return reference.repository

    def names_in(self, reference: Reference, commit: str, folder: str) -> list[str]:
        project, path = quote(reference.repository, safe=""), quote(folder, safe="")
        asked = f"{self.site}/api/v4/projects/{project}/repository/tree?ref={commit}&path={path}&per_page=100"
        return ask(asked, names_listed)

    def _reference(self, parts: list[str], ref: str) -> Reference:
        parts = [*parts[:-1], parts[-1].removesuffix(".git")] if parts else []
        repository = "/".join(parts)
        if len(parts) < 2 or len(repository) > MAX_ADDRESS or not all(map(_PART.fullmatch, parts)):
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{repository}"))
        return Reference(self.prefix, repository, check_ref(ref))

    def _commit(self, reference: Reference) -> str:
        try:
            return self._commit_by_api(reference)
        except SystemFailure as refusal:
            logger.info("GitLab's API does not help with %s: %s", reference, refusal)
            return self._commit_by_git(reference, refusal=refusal)

    def _commit_by_api(self, reference: Reference) -> str:
        """The commit. Raises SystemFailure when the API will not say, whatever its reason."""
        page = f"{self.site}/{reference.repository}"
        project, ref = quote(reference.repository, safe=""), quote(reference.ref or NEWEST, safe="")
        answer = get(f"{self.site}/api/v4/projects/{project}/repository/commits/{ref}")
        said = _object(answer.body)
        if answer.status == 404 and "Commit" in str(said.get("message")):
            raise UserError("ref_unknown", repository=page, ref=reference.ref or NEWEST)
        if answer.status in (401, 403, 404):
            raise UserError("repository_not_found", repository=page)
        commit = str(said.get("id"))
        if answer.status != 200 or not is_commit(commit):
            raise answer.refusal()
        return commit

    def _commit_by_git(
        self, reference: Reference, credential: Credential | None = None, *, refusal: SystemFailure | None = None
    ) -> str:
        """The commit, asked of git alone: with a credential, or after this `refusal` of the API."""
        page = f"{self.site}/{reference.repository}"
        try:
            url = fetch_url(f"{page}.git", credential)
            return find_commit(url, reference.ref, repository=page, credential=credential)
        except UserError as error:
            if refusal and error.code == "ref_unknown" and _SHORT_COMMIT.fullmatch(reference.ref):
                # git cannot look a short commit up, so this is no proof that there is none.
                raise refusal from error
            raise


def _object(body: bytes) -> dict[str, object]:
    """The JSON object in an answer; an empty one when it holds anything else."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
