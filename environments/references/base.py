"""The contract of a provider of repositories, and the rules for refs and paths that all of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, quote, unquote

from environments.errors import UserError
from environments.references.addresses import shown
from environments.values import Credential, Reference, ResolvedRepository

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MAX_REF = 250
MAX_PATH = 500
NEWEST = "HEAD"
"""How Binder's links name the newest version, where a reference leaves its ref empty."""

_FORBIDDEN_IN_REF = re.compile(r"[ ~^:?*\[\\]|\.\.|@\{|//|^[-/.]|/\.|\.lock(?:/|$)|[/.]$|^@$")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ELSEWHERE = re.compile(r"\s*(?://|[a-z][a-z0-9+.-]*:)", re.IGNORECASE)
"""How an address begins that is no page of whoever is asked for it: with a host, or with a scheme."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """What the address in somebody's browser means: a repository, and where in it to open the server."""

    reference: Reference
    urlpath: str = ""


class Provider(Protocol):
    """One kind of place where repositories are kept.

    What a reference resolves to need not be git's: an archive's own identifier of a fixed content serves
    as the commit as well.
    """

    prefix: str
    """The first part of `provider/spec`, as in Binder's links."""

    @property
    def label(self) -> str | _StrPromise:
        """What people call it."""

    def parse(self, spec: str) -> Reference:
        """Read what follows the prefix, percent-encoded as in a link.

        Raises UserError with one of the codes for references as typed.
        """

    def spec_of(self, reference: Reference) -> str:
        """The inverse of `parse`, fit to stand in a link."""

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        """What a pasted web address means, or None when it is not this provider's.

        `ref`, if the person gave one apart from the address, tells where in the address a ref that
        contains slashes ends. Raises UserError when it is this provider's and yet nonsense.
        """

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        """Find out which commit the reference means now, without fetching the repository.

        A credential, if given, is shown to the host it is for and to no other; where nothing is private it need
        not be used. Raises `repository_not_found`, `ref_unknown`, `repository_unreachable`,
        `repository_rate_limited`, `credential_refused`, or what the address guard raises.
        """

    def web_url(self, reference: Reference) -> str:
        """The page that shows the repository, or empty if there is none."""

    def title(self, reference: Reference) -> str:
        """The repository's name, short, for people."""


def check_ref(ref: str) -> str:
    """The ref if git could have one of this name; empty for the newest version.

    Raises UserError `ref_invalid`.
    """
    if ref == NEWEST:
        return ""
    if len(ref) > MAX_REF or not ref.isprintable() or _FORBIDDEN_IN_REF.search(ref):
        raise UserError("ref_invalid", ref=shown(ref))
    return ref


def is_commit(ref: str) -> bool:
    """Whether a ref is a commit's full name rather than a branch or tag."""
    return _COMMIT.fullmatch(ref) is not None


def split_tree(parts: list[str], ref: str) -> tuple[str, str]:
    """Divide `<ref>/<path>` as hosts write it after `tree/` or `blob/`.

    Only the host knows where a ref with slashes ends; without a `ref` to compare with, it is taken to be
    one part long.
    """
    length = len(ref.split("/")) if ref and "/".join(parts).startswith(ref) else 1
    return "/".join(parts[:length]), "/".join(parts[length:])


def urlpath_to(path: str) -> str:
    """Where JupyterLab shows a file or folder of the repository; empty for its root.

    Raises UserError `path_invalid`.
    """
    clean = check_path(path).strip("/")
    return _check_length(f"lab/tree/{quote(clean)}", path) if clean else ""


def urlpath_from(parameters: Mapping[str, str]) -> str:
    """Where a Binder link says to open the server: `labpath` before `filepath` before `urlpath`.

    `labpath` and `filepath` name files, `urlpath` is part of a URL already. Binder opens `filepath` in the
    classic interface; not every environment has that one, so here it means JupyterLab too.
    Raises UserError `path_invalid` or `path_elsewhere`.
    """
    if labpath := check_path(parameters.get("labpath", "")).strip("/"):
        return _check_length(f"doc/tree/{quote(labpath)}", labpath)
    if filepath := parameters.get("filepath", ""):
        return urlpath_to(filepath)
    return check_urlpath(parameters.get("urlpath", ""))


def check_urlpath(urlpath: str) -> str:
    """The path and query of a page of the server, without slash in front.

    Raises UserError `path_invalid`, and `path_elsewhere` for what names another host. Its query is the page's own
    matter, and may well hold an address: nbgitpuller's does.
    """
    path, mark, query = urlpath.partition("?")
    if leads_elsewhere(path):
        raise UserError("path_elsewhere", path=shown(urlpath))
    if not urlpath.isprintable():
        raise UserError("path_invalid", path=shown(urlpath))
    safe_path = quote(check_path(path).lstrip("/"), safe="/%:@!$&'()*+,;=~")
    safe_query = quote(query, safe="/%:@!$&'()*+,;=~?#")
    return _check_length(safe_path + mark + safe_query, urlpath)


def leads_elsewhere(path: str) -> bool:
    """Whether a browser, or whatever decodes this path on its way, could take it for an address of another host.

    Browsers drop what cannot be seen, and read backslashes as slashes.
    """
    while (decoded := unquote(path)) != path:
        path = decoded
    seen = "".join(character for character in path if character == " " or character.isprintable())
    return _ELSEWHERE.match(seen.replace("\\", "/")) is not None


def _check_length(quoted: str, typed: str) -> str:
    """The address, if it is not too long as it is stored: a letter with an accent takes six characters there."""
    if len(quoted) > MAX_PATH:
        raise UserError("path_invalid", path=shown(typed))
    return quoted


def check_path(path: str) -> str:
    """The path, if it stays where it begins. Raises UserError `path_invalid`."""
    if len(path) > MAX_PATH or not path.isprintable() or "\\" in path or ".." in path.split("/"):
        raise UserError("path_invalid", path=shown(path))
    return path
