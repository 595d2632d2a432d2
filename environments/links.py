"""Launch links: a launch as an address, `/v2/<provider>/<spec>?…`, and the badges that lead to it. Pure.

The path is exactly Binder's, and so are `urlpath`, `labpath` and `filepath`: a Binder link works here when its
host name is changed. A parameter that means nothing here is passed over, since such links carry those of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from environments.errors import UserError
from environments.naming import check_server_name, check_volume_name
from environments.references import parse, path_of, urlpath_from
from environments.references.addresses import shown
from environments.references.base import NEWEST, check_path
from environments.values import LaunchSpec, Limits, MountWish, Reference

PREFIX = "/v2/"
MAX_MOUNTS = 20
MAX_COLLABORATORS = 50
MAX_LENGTH = 8000
"""Browsers and proxies between them carry addresses of about this length everywhere."""
MAX_FILE_NAME = 255
"""In bytes: what file systems take."""
SHARED_FOLDER = "shared"

_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_MEMORY = re.compile(r"(?P<number>[1-9][0-9]{0,8})(?P<unit>[MG]?)", re.IGNORECASE)
_DECIMAL = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?")
_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
_PERSON = re.compile(r"[\w.@+-]{1,150}")
_PLACES = ("labpath", "filepath", "urlpath")


@dataclass(frozen=True, slots=True)
class LaunchLink:
    """What a link asks for. `hub` names another Carrel or Binder that the reader should be sent on to."""

    spec: LaunchSpec
    hub: str = ""


def read_link(path: str, query: str = "") -> LaunchLink:
    """Understand a link: its path after `/v2/` and its query, both as they stand in the address.

    Raises whatever reading the reference raises, and UserError `link_too_long`, `option_invalid`,
    `option_too_often`, `name_invalid`, `volume_name_invalid`, `mount_path_invalid`, `path_invalid` or
    `path_elsewhere`.
    """
    check_length(path, query)
    asked = _Parameters(query)
    name = asked.last("server")
    spec = LaunchSpec(
        reference=parse(path),
        urlpath=urlpath_from({name: asked.last(name) for name in _PLACES}),
        name=check_server_name(name) if name else "",
        limits=read_limits(memory=asked.last("memory"), cpus=asked.last("cpus")),
        idle_minutes=read_minutes("idle", asked.last("idle")),
        lifetime_minutes=read_minutes("lifetime", asked.last("lifetime")),
        mounts=tuple(map(read_mount, asked.all("mount", most=MAX_MOUNTS))),
        collaborators=tuple(map(read_person, asked.all("collaborator", most=MAX_COLLABORATORS))),
        is_public=_switch("public", asked.last("public")),
        with_credentials=_switch("credentials", asked.last("credentials")),
    )
    return LaunchLink(spec, asked.last("hub"))


def check_length(path: str, query: str) -> None:
    """Raise UserError `link_too_long` for a link that need not be read any further."""
    if len(path) + len(query) > MAX_LENGTH:
        raise UserError("link_too_long", most=MAX_LENGTH)


def link_to(spec: LaunchSpec, *, hub: str = "") -> str:
    """The link that asks for this, at this hub if one is named, without scheme and host.

    `read_link` of it gives the same again.

    An empty ref is written as `HEAD`, as Binder wants it.
    """
    reference = spec.reference
    named = reference if reference.ref else Reference(reference.provider, reference.repository, NEWEST)
    asked = [*parameters(spec), *([("hub", hub)] if hub else [])]
    query = "&".join(f"{name}={_quoted(value)}" for name, value in asked)
    return f"{PREFIX}{path_of(named)}{'?' if query else ''}{query}"


def read_limits(*, memory: str, cpus: str) -> Limits:
    """Understand `2G` or `512` and `1.5`; nothing given is no limit. Raises UserError `option_invalid`."""
    return Limits(memory_mb=_memory(memory), cpus=_cpus(cpus))


def read_minutes(name: str, text: str) -> int | None:
    """Understand the whole number of minutes of the option of this name. Raises UserError `option_invalid`."""
    if not text:
        return None
    if not _WHOLE_NUMBER.fullmatch(text):
        raise UserError("option_invalid", option=name, value=shown(text))
    return int(text)


def parameters(spec: LaunchSpec) -> Iterator[tuple[str, str]]:
    """The parameters of a link, in the order the documentation names them, without those that say nothing."""
    yield from _given("urlpath", spec.urlpath)
    yield from _given("server", spec.name)
    for mount in spec.mounts:
        yield "mount", write_mount(mount)
    for person in spec.collaborators:
        yield "collaborator", person
    yield from _given("public", "1" if spec.is_public else "")
    yield from _given("credentials", "1" if spec.with_credentials else "")
    yield from _given("memory", spec.limits.memory_mb)
    yield from _given("cpus", f"{spec.limits.cpus:g}" if spec.limits.cpus else "")
    yield from _given("idle", spec.idle_minutes)
    yield from _given("lifetime", spec.lifetime_minutes)


def read_mount(text: str) -> MountWish:
    """Understand `<volume>[:<path>][:ro]`; without a path it is `shared/<volume>`.

    Raises UserError `volume_name_invalid` or `mount_path_invalid`.
    """
    volume, *rest = text.split(":")
    is_read_only = rest[-1:] == ["ro"]
    path = ":".join(rest[:-1] if is_read_only else rest)
    return MountWish(check_volume_name(volume), mount_path(path, volume=volume), is_read_only)


def write_mount(mount: MountWish) -> str:
    """The inverse of `read_mount`: a folder that is called “ro” must not look like the mark at the end."""
    path = "./ro" if mount.path == "ro" and not mount.read_only else mount.path
    return f"{mount.volume}:{path}{':ro' if mount.read_only else ''}"


def read_person(text: str) -> str:
    """A user name or an address, if it can be one. Raises UserError `option_invalid`."""
    if not _PERSON.fullmatch(text):
        raise UserError("option_invalid", option="collaborator", value=shown(text))
    return text


def mount_path(path: str, *, volume: str) -> str:
    """Where a volume goes, relative to the home: as asked, or below `shared`.

    Raises UserError `mount_path_invalid` for what would leave the home, or could change what runs there: the
    hidden folders hold settings that programs obey.
    """
    try:
        parts = [part for part in check_path(path).split("/") if part not in ("", ".")]
    except UserError as error:
        raise UserError("mount_path_invalid", path=shown(path)) from error
    too_long = any(len(part.encode()) > MAX_FILE_NAME for part in parts)
    if ":" in path or too_long or any(part.startswith(".") for part in parts[:1]):
        raise UserError("mount_path_invalid", path=shown(path))
    return "/".join(parts) or f"{SHARED_FOLDER}/{volume}"


def badges(link: str, *, image: str, label: str) -> dict[str, str]:
    """The markup of a badge that leads to this address, by the name of the markup."""
    return {
        "Markdown": f"[![{label}]({image})]({link})",
        "reStructuredText": f".. image:: {image}\n   :target: {link}\n   :alt: {label}",
        "HTML": f'<a href="{_attribute(link)}"><img src="{_attribute(image)}" alt="{_attribute(label)}"></a>',
    }


class _Parameters:
    """A query, taken apart. Invalid UTF-8 and signs nobody can see are refused once they are asked for."""

    def __init__(self, query: str) -> None:
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        self._pairs = [(unquote_plus(name), unquote_plus(value)) for name, _equals, value in pairs]

    def last(self, name: str) -> str:
        """The value of a parameter that counts once, the last one, without spaces around; empty if there is none."""
        return next(reversed([*self._values(name)]), "")

    def all(self, name: str, *, most: int) -> list[str]:
        """The different values of a parameter that may be repeated, in order."""
        values = list(dict.fromkeys(filter(None, self._values(name))))
        if len(values) > most:
            raise UserError("option_too_often", option=name, most=most)
        return values

    def _values(self, name: str) -> Iterator[str]:
        for known, value in self._pairs:
            if known == name:
                if not value.isprintable() or "\ufffd" in value:
                    raise UserError("option_invalid", option=name, value=shown(value))
                yield value.strip()


def _given(name: str, value: object) -> Iterator[tuple[str, str]]:
    if value:
        yield name, str(value)


def _quoted(value: str) -> str:
    return quote(value, safe="/:@,.~-")


def _memory(text: str) -> int | None:
    """Megabytes, or gigabytes with a G behind the number."""
    if not text:
        return None
    match = _MEMORY.fullmatch(text)
    if not match:
        raise UserError("option_invalid", option="memory", value=shown(text))
    return int(match["number"]) * (1024 if match["unit"].upper() == "G" else 1)


def _cpus(text: str) -> float | None:
    if not text:
        return None
    if not _DECIMAL.fullmatch(text) or float(text) <= 0:
        raise UserError("option_invalid", option="cpus", value=shown(text))
    return float(text)


def _switch(name: str, text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise UserError("option_invalid", option=name, value=shown(text))
    return text.lower() in _YES


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
