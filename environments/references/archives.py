"""What archives have in common. They keep records: files without history, each version under a name of its own.

What they say is JSON that nobody vouches for, so it is read without believing in its shape.
"""

from __future__ import annotations

import json
import re
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from environments.errors import SystemFailure, UserError
from environments.references.addresses import host_and_port, read_url, shown
from environments.references.base import Provider
from environments.references.http import Answer
from environments.values import Reference, RemoteFile, ResolvedRepository

MAX_LISTING_BYTES = 10_000_000
MAX_FILES = 2000
"""Each of a record's files is asked for by itself."""

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MARKED = re.compile(r"(?P<prefix>[a-z]+)\+(?P<url>https?://.+)")


class Archive(Provider, Protocol):
    """A provider that is an archive.

    What one of its references resolves to has a URL that begins with the provider's prefix and a plus sign, for
    nothing else would tell it from a git repository; its commit is the archive's name for one version.
    """

    def claim_doi(self, doi: str) -> Reference | None:
        """The record a DOI means if it looks like one of this archive's; nobody is asked."""

    def check_version(self, ref: str) -> str:
        """The version people call by this name, spelled as this archive spells it.

        Raises UserError `ref_invalid`, or `ref_unavailable` when versions are records of their own.
        """

    def files(self, repository: ResolvedRepository) -> list[RemoteFile]:
        """The files of exactly this version.

        Raises what `resolve` raises, UserError `record_restricted`, `record_changed` when this version is no
        longer to be had, or `record_too_many_files`.
        """


def marked(prefix: str, url: str) -> str:
    """The URL of a resolved record: `zenodo+https://zenodo.org/records/3242074`."""
    return f"{prefix}+{url}"


def prefix_of(url: str) -> str:
    """Which archive a resolved URL is of; empty if it is of none."""
    match = _MARKED.fullmatch(url)
    return match["prefix"] if match else ""


def unmarked(url: str) -> str:
    """The address as a browser understands it."""
    match = _MARKED.fullmatch(url)
    return match["url"] if match else url


def page_at(repository: ResolvedRepository) -> SplitResult:
    """The page of a resolved record, taken apart."""
    return read_url(unmarked(repository.url))


def origin_of(url: SplitResult) -> str:
    """The root of the site this address is on."""
    return f"{url.scheme}://{url.netloc}"


def json_in(answer: Answer, *, record: str) -> Any:
    """What an API said of a record.

    Raises UserError `record_not_found`, `record_restricted` or `record_too_many_files`, SystemFailure
    `repository_unreachable` or `repository_rate_limited`.
    """
    if answer.status in (404, 410, 451):
        raise UserError("record_not_found", record=shown(record))
    if answer.status in (401, 403) and not answer.has_had_enough:
        raise UserError("record_restricted", record=shown(record))
    if answer.status != 200:
        raise answer.refusal()
    if len(answer.body) >= MAX_LISTING_BYTES:
        raise too_many_files(record)
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise unintelligible(answer.url) from error


def too_many_files(record: str) -> UserError:
    """What to raise for a record with more files than can be asked for one by one."""
    return UserError("record_too_many_files", record=shown(record), count=MAX_FILES)


def unintelligible(url: str) -> SystemFailure:
    """What to raise when the API of this host does not say what it used to say."""
    return SystemFailure("repository_unreachable", host=host_and_port(read_url(url))[0], detail="unintelligible")


def member(said: Any, *path: str) -> Any:
    """What stands at this place of an answer, or None."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    return said


def text(said: Any, *path: str) -> str:
    """The word at this place, or empty; whole numbers are words too."""
    value = member(said, *path)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def number(said: Any, *path: str) -> int | None:
    """The whole number at this place, if there is one that can be a size."""
    value = member(said, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def items(said: Any, *path: str) -> list[Any]:
    """The list at this place, or an empty one."""
    value = member(said, *path)
    return value if isinstance(value, list) else []


def path_in(url: str) -> str:
    """The path of an address nobody vouches for, decoded; empty if it is none."""
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return ""


def version_in(words: str, url: str) -> str:
    """The words, fit to be the name of a version: it becomes part of names of files. Raises `unintelligible`."""
    version = re.sub(r"[^A-Za-z0-9._-]", "-", words)
    if not _VERSION.fullmatch(version):
        raise unintelligible(url)
    return version


def check_no_version(ref: str, archive: str) -> str:
    """For archives where every version is a record of its own, and for those that keep only the newest."""
    if ref:
        raise UserError("ref_unavailable", ref=shown(ref), archive=archive)
    return ref
