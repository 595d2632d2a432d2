"""Repository references: one file per provider, and the functions that choose between them.

`parse` reads whatever people type or paste, `path_of` writes the one `provider/spec` form back, `resolve`
finds the commit. Where to fetch it from, `fetch_source` says of git repositories and `files_of` of archives' records.
Of private repositories `resolve` and `fetch_source` ask with a person's credential, which
`references/credentials.py` keeps to its own host.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from urllib.parse import parse_qsl, quote, unquote

from django.conf import settings

from environments.errors import EnvironmentsError, UserError
from environments.references.addresses import MAX_ADDRESS, is_local, read_url, scheme_of, shown
from environments.references.archives import Archive, prefix_of, unmarked
from environments.references.base import Pasted, Provider, check_ref, check_urlpath, is_commit, urlpath_from, urlpath_to
from environments.references.ckan import Ckan
from environments.references.credentials import is_for, origin_of
from environments.references.dataverse import Dataverse
from environments.references.doi import doi_at, doi_in, is_doi_page
from environments.references.example import Example, example_directory
from environments.references.figshare import Figshare
from environments.references.gist import Gist
from environments.references.git import Git
from environments.references.github import GitHub
from environments.references.gitlab import GitLab
from environments.references.guard import git_environment, guarded_git_options
from environments.references.hydroshare import HydroShare
from environments.references.listing import Lists
from environments.references.remotes import fetch_url
from environments.references.zenodo import Zenodo
from environments.values import Credential, Reference, RemoteFile, ResolvedRepository

logger = logging.getLogger(__name__)

__all__ = [
    "check_urlpath",
    "example_directory",
    "fetch_source",
    "files_of",
    "git_environment",
    "guarded_git_options",
    "is_commit",
    "is_public_address",
    "is_record",
    "names_in",
    "origin_in",
    "parse",
    "parse_with_path",
    "path_of",
    "providers",
    "resolve",
    "title_of",
    "unmarked",
    "urlpath_from",
    "urlpath_to",
    "web_url_of",
]

_ARCHIVES: tuple[Archive, ...] = (Zenodo(), Figshare(), HydroShare(), Dataverse(), Ckan())
_PROVIDERS: tuple[Provider, ...] = (GitHub(), GitLab(), Gist(), Git(), *_ARCHIVES, Example())
"""In the order they are asked whose a pasted address is, and shown in."""
_BY_PREFIX = {provider.prefix: provider for provider in _PROVIDERS}
_ARCHIVE_BY_PREFIX = {archive.prefix: archive for archive in _ARCHIVES}
_CLAIMING = sorted(_PROVIDERS, key=lambda provider: provider.prefix == Git.prefix)
"""Git claims every address, so it is asked last."""
_HOST_ALONE = re.compile(r"(?:https?://[^/@\s]+|[^/@\s]*[.:][^/@\s]+)/*", re.IGNORECASE)
_LAUNCH_LINK = re.compile(r"(?:/[^/]+){0,2}/v2/(?P<spec>(?P<prefix>[a-z]+)/.+)")


def providers() -> tuple[Provider, ...]:
    """Every kind of repository this Carrel knows, the likeliest first."""
    return _PROVIDERS


def parse(text: str, *, ref: str = "") -> Reference:
    """The repository a text means: `gh/owner/name/ref`, any pasted address, a DOI, a whole Binder link.

    `ref`, when given, counts instead of the one in the text. Raises UserError: `repository_missing`,
    `repository_invalid`, `repository_scheme_forbidden`, `repository_local_forbidden`,
    `repository_address_forbidden`, `repository_has_credentials`, `provider_unknown`, `doi_unknown`,
    `ref_invalid`, `ref_unavailable`, `path_invalid`, `path_elsewhere`.
    """
    return parse_with_path(text, ref)[0]


def parse_with_path(text: str, ref: str = "") -> tuple[Reference, str]:
    """Like `parse`, and where the pasted address says to open the server (`lab/tree/first.ipynb`), or ''."""
    text, ref = text.strip(), ref.strip()
    check_ref(ref)
    pasted = _read(text, ref)
    reference = pasted.reference
    if ref:
        reference = Reference(reference.provider, reference.repository, _check_version(reference.provider, ref))
    return reference, pasted.urlpath


def origin_in(text: str) -> str:
    """The origin of the git host a text names: the host alone, or any address of a repository there.

    Raises UserError as `parse` does.
    """
    text = text.strip()
    if _HOST_ALONE.fullmatch(text):
        return origin_of(text if "://" in text else f"https://{text}")
    page = web_url_of(parse(text))
    if not page:
        raise UserError("repository_invalid", repository=shown(text))
    return origin_of(page)


def resolve(reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
    """Ask the host which commit the reference means now; takes seconds, fetches nothing.

    What is found by showing a credential is private. Raises UserError `repository_not_found`, `ref_unknown`,
    `repository_address_forbidden` or `credential_refused`, or for archives `record_not_found`,
    `record_restricted`, `record_elsewhere` or `ckan_unrecognised`, SystemFailure `repository_unreachable` or
    `repository_rate_limited`.
    """
    found = _provider(reference.provider).resolve(reference, credential)
    return replace(found, is_private=True) if credential and is_for(found.url, credential) else found


def fetch_source(repository: ResolvedRepository, credential: Credential | None = None) -> str:
    """Where git can fetch the repository from at this moment: a URL without redirects, or a directory.

    A URL is to be fetched with `guarded_git_options(url)` and `git_environment(home)`; a directory (it
    begins with `/`) with `git_environment(home, local=True)` alone. Raises what `resolve` raises.
    """
    prefix, _colon, name = repository.url.partition(":")
    if prefix == Example.prefix:
        return str(example_directory(name))
    if not is_local(repository.url):
        return fetch_url(repository.url, credential)
    if not settings.REPOSITORY_ALLOW_LOCAL:
        raise UserError("repository_local_forbidden", repository=shown(repository.url))
    return repository.url


def is_public_address(reference: Reference) -> bool:
    """Whether the reference means something outside this installation: no example of it, no folder of its disk."""
    return reference.provider != Example.prefix and not is_local(reference.repository)


def is_record(repository: ResolvedRepository) -> bool:
    """Whether this is a record of an archive, whose files are to be had one by one, and not by git."""
    return prefix_of(repository.url) in _ARCHIVE_BY_PREFIX


def files_of(repository: ResolvedRepository) -> list[RemoteFile]:
    """The files of a record as the archive lists them at this moment; nobody has checked what it says of them.

    Raises what `resolve` raises, UserError `record_changed` or `record_too_many_files`.
    """
    return _ARCHIVE_BY_PREFIX[prefix_of(repository.url)].files(repository)


def names_in(reference: Reference, repository: ResolvedRepository, folder: str = "") -> list[str] | None:
    """What lies in a folder of the repository, or None where its host does not tell without anything being fetched.

    Asked for the reader's sake only, so nothing that goes wrong is an error.
    """
    provider = _provider(reference.provider)
    if repository.is_private or not isinstance(provider, Lists):
        return None
    try:
        return provider.names_in(reference, repository.commit, folder)
    except EnvironmentsError as error:
        logger.info("the files of %s could not be listed: %s", path_of(reference), error)
        return None


def path_of(reference: Reference) -> str:
    """The canonical `provider/spec`, percent-encoded as links need it. `parse(path_of(r)) == r`.

    An empty ref is left out, which Binder itself does not understand: in a link that is to work there too,
    give the reference the ref `HEAD`.
    """
    return f"{reference.provider}/{_provider(reference.provider).spec_of(reference)}"


def title_of(reference: Reference) -> str:
    """The repository's name for people: `owner/name`, or host and path."""
    return _provider(reference.provider).title(reference)


def web_url_of(reference: Reference) -> str:
    """The page that shows the repository, or empty if there is none."""
    return _provider(reference.provider).web_url(reference)


def _read(text: str, ref: str) -> Pasted:
    if not text:
        raise UserError("repository_missing")
    if text.startswith("-") or len(text) > 4 * MAX_ADDRESS or not _is_text(text):
        raise UserError("repository_invalid", repository=shown(text))
    if doi := doi_in(text):
        return Pasted(_by_doi(doi, text))
    if text.startswith("/"):
        return Pasted(_BY_PREFIX[Git.prefix].parse(quote(text, safe="")))
    first, _slash, spec = text.partition("/")
    if is_local(text) or scheme_of(text) or text.startswith("git@"):
        return _read_url(text, ref)
    if "@" in first:
        raise UserError("repository_has_credentials")
    if not text.isprintable() or " " in text or not spec:
        raise UserError("repository_invalid", repository=shown(text))
    if first.lower() in _BY_PREFIX:
        return Pasted(_BY_PREFIX[first.lower()].parse(spec.rstrip("/")))  # As Binder reads it.
    if "." in first:
        return _read_url(f"https://{text}", ref)
    raise UserError("provider_unknown", provider=shown(first), providers=", ".join(_BY_PREFIX))


def _is_text(quoted: str) -> bool:
    """Whether what percent signs stand for is UTF-8: read otherwise, it would be another name."""
    try:
        unquote(quoted, errors="strict")
    except UnicodeDecodeError:
        return False
    return "\ufffd" not in quoted


def _read_url(text: str, ref: str) -> Pasted:
    url = read_url(text)
    link = _LAUNCH_LINK.fullmatch(url.path)
    if link and link["prefix"] in _BY_PREFIX:
        return Pasted(parse(link["spec"]), urlpath_from(dict(parse_qsl(url.query))))
    if is_doi_page(url):
        return Pasted(_by_doi(doi_at(url), text))
    for provider in _CLAIMING:
        if pasted := provider.claim(url, ref):
            return pasted
    raise UserError("repository_invalid", repository=shown(text))


def _by_doi(doi: str, text: str) -> Reference:
    for archive in _ARCHIVES:
        if doi and (reference := archive.claim_doi(doi)):
            return reference
    raise UserError("doi_unknown", doi=shown(text))


def _check_version(prefix: str, ref: str) -> str:
    ref = check_ref(ref)
    archive = _ARCHIVE_BY_PREFIX.get(prefix)
    return archive.check_version(ref) if archive else ref


def _provider(prefix: str) -> Provider:
    if prefix not in _BY_PREFIX:
        raise UserError("provider_unknown", provider=shown(prefix), providers=", ".join(_BY_PREFIX))
    return _BY_PREFIX[prefix]
