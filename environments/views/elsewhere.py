"""Sending a launch on to another hub: a page that says where to and what is lost, and the links that lead there.

Nobody is sent anywhere by following a link: it takes a click on a page of ours, to an address the operator chose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from environments import references
from environments.errors import EnvironmentsError
from environments.hubs import Hub, HubKind, address_at, find_hub, hubs, left_behind
from environments.links import LaunchLink, badges, link_to
from environments.references import is_public_address
from environments.values import LaunchSpec

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

PARAMETERS: dict[str, str | _StrPromise] = {
    "server": gettext_lazy("Name of the server"),
    "mount": gettext_lazy("Shared files"),
    "collaborator": gettext_lazy("Company"),
    "public": gettext_lazy("A copy for everybody, thrown away at the end"),
    "credentials": gettext_lazy("A key to act in your name"),
    "memory": gettext_lazy("Memory (MB)"),
    "cpus": gettext_lazy("Processors"),
    "idle": gettext_lazy("Minutes without use"),
    "lifetime": gettext_lazy("Minutes in all"),
}
"""What people call the parameters of a link."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Something a link asks for, in words, with its value."""

    words: str
    value: str


@dataclass(frozen=True, slots=True)
class LinkElsewhere:
    """The link to the same launch at another hub, its badge, and what of the launch is lost on the way."""

    hub: Hub
    address: str
    badges: dict[str, str]
    lost: list[Wish]


def links_elsewhere(spec: LaunchSpec) -> list[LinkElsewhere]:
    """The same launch at each hub that could do it."""
    if not is_public_address(spec.reference):
        return []
    return [_link_at(hub, spec) for hub in hubs()]


def way_elsewhere(request: HttpRequest, link: LaunchLink) -> HttpResponse:
    """The page before somebody goes to the hub that a link names, or the one that says why nobody can."""
    here = link_to(link.spec)
    try:
        hub = find_hub(link.hub)
        address = address_at(hub, link.spec)
    except EnvironmentsError as error:
        context: dict[str, object] = {"reason": error.explain(), "here": here}
        return render(request, "environments/launch_refused.html", context, status=error.status)
    reference = link.spec.reference
    context = {
        "hub": hub,
        "is_binder": hub.kind is HubKind.BINDER,
        "address": address,
        "here": here,
        "spec": link.spec,
        "title": references.title_of(reference),
        "web_url": references.web_url_of(reference),
        "lost": _lost(hub, link.spec),
    }
    return render(request, "environments/launch_elsewhere.html", context)


def _link_at(hub: Hub, spec: LaunchSpec) -> LinkElsewhere:
    address = address_at(hub, spec)
    label = _("Launch at {hub}").format(hub=hub.label)
    picture = f"{hub.address}/badge_logo.svg"
    return LinkElsewhere(hub, address, badges(address, image=picture, label=label), _lost(hub, spec))


def _lost(hub: Hub, spec: LaunchSpec) -> list[Wish]:
    return [Wish(str(PARAMETERS.get(name, name)), value) for name, value in left_behind(hub, spec)]
