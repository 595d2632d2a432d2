"""Fetches the submodules of a checkout, each as a checkout of its own: past the same guard, pinned to its commit."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin

from django.utils.translation import gettext as _

from environments.builders.commands import CommandFailed
from environments.builders.fetching import Checkout
from environments.errors import UserError
from environments.references.addresses import read_url
from environments.references.guard import git_environment
from environments.values import ResolvedRepository

MAX_SUBMODULES = 20
MAX_DEPTH = 3
_LISTING = ".gitmodules"
_SETTING = re.compile(r"submodule\.(?P<name>.+)\.(?P<what>path|url) (?P<value>.+)")
_LINK = re.compile(r"160000 commit (?P<commit>[0-9a-f]{40})\t(?P<path>[^\"].*)")


def fetch_submodules(checkout: Checkout, depth: int = 1) -> Generator[str, None, None]:
    """Fetch what the commit links to, yielding what git says.

    A link that `.gitmodules` does not explain stays an empty folder, as git leaves it. Raises what a checkout
    raises, and `environment_file_invalid` for more than `MAX_SUBMODULES` or ones nested deeper than `MAX_DEPTH`.
    """
    listing = checkout.directory / _LISTING
    if listing.is_symlink() or not listing.is_file():
        return
    settings = yield from _printed(
        checkout, "config", "--file", _LISTING, "--get-regexp", r"^submodule\..*\.(path|url)$"
    )
    tree = yield from _printed(checkout, "ls-tree", "-r", "--full-tree", "HEAD")
    links = [match for line in tree if (match := _LINK.fullmatch(line))]
    if links and (depth > MAX_DEPTH or len(links) > MAX_SUBMODULES):
        raise UserError("environment_file_invalid", file=_LISTING, problem=_("it names too many submodules."))
    urls = _urls(settings, checkout.repository.url)
    for link in links:
        if url := urls.get(link["path"]):
            yield from _fetch(checkout, url, link["commit"], PurePosixPath(link["path"]), depth)


def _fetch(checkout: Checkout, url: str, commit: str, path: PurePosixPath, depth: int) -> Generator[str, None, None]:
    yield _("Fetching {url} at {commit}").format(url=url, commit=commit[:12])
    directory = checkout.directory / path
    directory.rmdir()  # git has made it, empty, where it has checked that nothing can lead elsewhere.
    credential = checkout.credential if _is_beside(url, checkout.repository.url) else None
    inner = replace(
        checkout, repository=ResolvedRepository(url, commit, ""), directory=directory, credential=credential
    )
    yield from inner.make()
    yield from fetch_submodules(inner, depth + 1)


def _urls(settings: list[str], repository: str) -> dict[str, str]:
    """From a submodule's path to where it is fetched from. Raises what `read_url` raises."""
    values: dict[str, dict[str, str]] = {}
    for line in settings:
        if match := _SETTING.fullmatch(line):
            values.setdefault(match["name"], {})[match["what"]] = match["value"]
    return {
        value["path"]: _address(value["url"], repository)
        for value in values.values()
        if value.get("path") and value.get("url")
    }


def _address(url: str, repository: str) -> str:
    """The address as written, or relative to the repository's own, as git reads it."""
    if url.startswith(("./", "../")):
        url = urljoin(f"{repository.rstrip('/')}/", url)
    return read_url(url).geturl()


def _is_beside(url: str, repository: str) -> bool:
    """Whether two repositories lie in one folder of one host, as those of one owner do.

    Whoever wrote the one may then link to the other with the credential of whoever builds it. Anything else on the
    host that this person may read is not the author's to have fetched.
    """
    folder, _slash, _name = repository.rstrip("/").rpartition("/")
    return ".." not in unquote(url) and url.lower().startswith(f"{folder}/".lower())


def _printed(checkout: Checkout, *arguments: str) -> Generator[str, None, list[str]]:
    """What a git command prints that only reads the checkout; nothing where it finds nothing."""
    lines = list[str]()
    running = checkout.commands.run(
        ["git", *arguments], directory=checkout.directory, environment=git_environment(checkout.home, local=True)
    )
    try:
        for line in running:
            lines += filter(None, [line])
            yield ""
    except CommandFailed:
        return []
    return lines
