"""Other hubs that a launch can be sent on to: the Binders and Carrels the operator lists. Nothing here asks them.

Where somebody is sent depends on that list alone, never on an address that stands in a link.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

from environments.errors import UserError
from environments.links import link_to, parameters
from environments.references import is_public_address
from environments.references.addresses import read_url, shown
from environments.values import LaunchSpec

_ENTRY = re.compile(r"(?P<name>\S+)\s+(?P<kind>\S+)\s+(?P<address>\S+)\s+(?P<label>\S.*)")
_NAME = re.compile(r"[a-z](?:-?[a-z0-9]){0,39}")
MAX_LABEL = 60


class HubKind(StrEnum):
    """What a hub runs, and so what it makes of a link."""

    BINDER = "binder"
    CARREL = "carrel"


@dataclass(frozen=True, slots=True)
class Hub:
    """Another hub: what links call it, what it runs, where it is, what people call it."""

    name: str
    kind: HubKind
    address: str
    label: str


def read_hub(entry: str) -> Hub:
    """Understand an entry of the list, `<name> <kind> <address> <label>`. Raises ValueError, saying what is wrong."""
    match = _ENTRY.fullmatch(entry.strip())
    if not match:
        raise ValueError("it is not a name, a kind, an address and a label, with spaces between them")
    name, kind, address, label = match.groups()
    if not _NAME.fullmatch(name):
        raise ValueError(f"its name, {name}, has other signs than small letters, digits and single hyphens")
    if kind not in [*HubKind]:
        raise ValueError(f"its kind, {kind}, is none of {', '.join(HubKind)}")
    if len(label) > MAX_LABEL or not label.isprintable():
        raise ValueError(f"its label is longer than {MAX_LABEL} characters, or cannot be shown")
    return Hub(name, HubKind(kind), _checked(address), label)


def hubs() -> list[Hub]:
    """The hubs that are listed, in that order. What is listed wrongly, or under another's name, is not among them."""
    read = []
    for entry in settings.HUBS:
        try:
            read.append(read_hub(entry))
        except ValueError:
            continue  # The system checks say so.
    names = Counter(hub.name for hub in read)
    return [hub for hub in read if names[hub.name] == 1]


def find_hub(name: str) -> Hub:
    """The hub that links call so. Raises UserError `hub_unknown`."""
    for hub in hubs():
        if hub.name == name:
            return hub
    raise UserError("hub_unknown", hub=shown(name))


def address_at(hub: Hub, spec: LaunchSpec) -> str:
    """The address at that hub that asks for as much of this launch as it understands.

    Raises UserError `hub_cannot_fetch` for what is this installation's alone.
    """
    if not is_public_address(spec.reference):
        raise UserError("hub_cannot_fetch", hub=hub.label)
    return f"{hub.address}{link_to(understood(hub, spec))}"


def understood(hub: Hub, spec: LaunchSpec) -> LaunchSpec:
    """As much of a launch as that hub knows what to do with: a Binder knows a repository and a place to open."""
    return LaunchSpec(spec.reference, urlpath=spec.urlpath) if hub.kind is HubKind.BINDER else spec


def left_behind(hub: Hub, spec: LaunchSpec) -> list[tuple[str, str]]:
    """The parameters of a launch, by name and value, that mean nothing at that hub and are not sent there."""
    known = [*parameters(understood(hub, spec))]
    return [parameter for parameter in parameters(spec) if parameter not in known]


def _checked(address: str) -> str:
    """The address, if it is fit to have links put behind it. Raises ValueError."""
    try:
        url = read_url(address)
    except UserError as error:
        raise ValueError(f"its address, {shown(address)}, is not one of a site on the web") from error
    base = url.geturl().rstrip("/")
    if url.query or base != address.rstrip("/"):
        raise ValueError(f"its address, {shown(address)}, is not scheme, host and path alone, spelt as {base}")
    if url.scheme != "https" and not settings.EMBEDDED:
        raise ValueError(f"its address, {shown(address)}, does not begin with https://")
    if base == settings.PUBLIC_URL:
        raise ValueError("its address is that of this Carrel itself")
    return base
