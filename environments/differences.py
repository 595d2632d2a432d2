"""What would be different about a server, in words for its page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from environments.references import title_of
from environments.values import LaunchSpec, MountWish, Target, short_commit

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_MEGABYTE = 1024**2
_HOUR = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changes: what it is called, how it is now, how it would be."""

    label: str | _StrPromise
    old: str
    new: str


def differences(old: Target, new: Target) -> list[Difference]:
    """Everything in which the two differ, in the order in which a person would ask."""
    olds, news = _told(old), _told(new)
    return [Difference(_LABELS[key], olds[key], news[key]) for key in _LABELS if olds[key] != news[key]]


def resources_of(spec: LaunchSpec) -> list[tuple[str | _StrPromise, str]]:
    """What a launch asks for beside the usual, by what it is called."""
    words = {
        "memory": spec.limits.memory_mb and _memory(spec.limits.memory_mb),
        "cpus": spec.limits.cpus and _processors(spec.limits.cpus),
        "idle": spec.idle_minutes and _duration(spec.idle_minutes),
        "lifetime": spec.lifetime_minutes and _duration(spec.lifetime_minutes),
    }
    return [(_LABELS[key], value) for key, value in words.items() if value]


_LABELS = {
    "repository": gettext_lazy("Repository"),
    "ref": gettext_lazy("Version"),
    "commit": gettext_lazy("Commit"),
    "urlpath": gettext_lazy("Opens"),
    "memory": gettext_lazy("Memory"),
    "cpus": gettext_lazy("Processors"),
    "idle": gettext_lazy("Stops when nobody uses it for"),
    "lifetime": gettext_lazy("Stops in any case after"),
    "mounts": gettext_lazy("Shared files"),
    "credentials": gettext_lazy("A key to act in your name"),
}


def _told(target: Target) -> dict[str, str]:
    return {
        "repository": title_of(target.reference),
        "ref": target.reference.ref or _("the newest"),
        "commit": short_commit(target.commit),
        "urlpath": target.urlpath or _("JupyterLab"),
        "memory": _memory(target.limits.memory_mb),
        "cpus": _processors(target.limits.cpus),
        "idle": _duration(target.idle_minutes),
        "lifetime": _duration(target.lifetime_minutes),
        "mounts": "; ".join(map(mount_words, target.mounts)) or _("none"),
        "credentials": _("yes") if target.with_credentials else _("no"),
    }


def mount_words(wish: MountWish) -> str:
    """Which shared files, where in the server, and what can be done with them."""
    facts = {"name": wish.volume, "path": wish.path}
    if wish.read_only:
        return _("“%(name)s” in the folder %(path)s, to read") % facts
    return _("“%(name)s” in the folder %(path)s, to read and change") % facts


def _default() -> str:
    return _("the usual")


def _memory(megabytes: int | None) -> str:
    return filesizeformat(megabytes * _MEGABYTE) if megabytes else _default()


def _processors(count: float | None) -> str:
    return number_format(f"{count:g}") if count else _default()


def _duration(minutes: int | None) -> str:
    if not minutes:
        return _default()
    if minutes % _HOUR:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return ngettext("%(n)d hour", "%(n)d hours", minutes // _HOUR) % {"n": minutes // _HOUR}
