"""A page of the list of a course's people, as a platform writes it. Pure.

Who is missing from a list may be taken out of a class, so a list is read whole or not at all: what cannot be read is an
error, and never somebody who is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from classes.models import Role
from environments.errors import EnvironmentsError
from environments.references.addresses import read_url
from lti.claims import MAX_EMAIL, identifier, name_of, words
from lti.errors import LtiError
from lti.roles import course_role, is_test_person

_GONE = frozenset({"inactive", "deleted"})
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_ADDRESS = re.compile(r"<[^<>]*>")
_RELATION = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody on the list. `is_there` is not for those whom it lists as gone or suspended."""

    sub: str
    roles: tuple[str, ...] = ()
    is_there: bool = True
    name: str = ""
    email: str = ""

    @property
    def role(self) -> Role | None:
        """What they are in the class; None is nothing."""
        return course_role(self.roles)


def members_on(document: object, *, context_id: str) -> list[Listed]:
    """Whom a page lists, without those whom the platform made up.

    Raises LtiError `roster_unreadable`, and `roster_elsewhere` for the page of another course.
    """
    if not isinstance(document, Mapping):
        raise LtiError("roster_unreadable", detail="no JSON object")
    context, members = document.get("context"), document.get("members")
    if not isinstance(members, list):
        raise LtiError("roster_unreadable", detail="no members")
    if isinstance(context, Mapping) and str(context.get("id", context_id)) != context_id:
        raise LtiError("roster_elsewhere", detail="the people of another course")
    found = [_listed(member) for member in members]
    return [one for one in found if not is_test_person(one.roles)]


def together(first: Listed, second: Listed) -> Listed:
    """Somebody who is listed twice: as one who is there, if either says so, with the roles of both."""
    if first.is_there != second.is_there:
        return first if first.is_there else second
    roles = tuple(dict.fromkeys([*first.roles, *second.roles]))
    return Listed(first.sub, roles, first.is_there, first.name or second.name, first.email or second.email)


def next_page(links: str, *, of: str) -> str:
    """The address of the page after this one, from its header of links; empty after the last.

    Raises LtiError `roster_elsewhere` for one of another origin, and `roster_unreadable` where it cannot be told
    whether there is one.
    """
    following = [address for address, said in _LINK.findall(links) if "next" in _relations(said)]
    if not following:
        if "next" in _ADDRESS.sub("", links).lower():
            raise LtiError("roster_unreadable", detail="a broken link to the next page")
        return ""
    try:
        address: str = urljoin(of, following[0].strip())
    except ValueError as error:
        raise LtiError("roster_elsewhere", detail="the next page has no address") from error
    if origin_of(address) != origin_of(of):
        raise LtiError("roster_elsewhere", detail="the next page is of another origin")
    return address


def origin_of(url: str) -> tuple[str, str]:
    """Scheme, and host with port. Raises LtiError `roster_elsewhere` for what is no address of the web."""
    try:
        parts = read_url(url)
    except EnvironmentsError as error:
        raise LtiError("roster_elsewhere", detail=error.code) from error
    return parts.scheme, parts.netloc


def _relations(said: str) -> list[str]:
    found = _RELATION.search(said)
    return (found[1] or found[2] or "").lower().split() if found else []


def _listed(member: Any) -> Listed:
    if not isinstance(member, Mapping):
        raise LtiError("roster_unreadable", detail="a member is no object")
    try:
        sub = identifier(member.get("user_id"), "user_id")
    except LtiError as error:
        raise LtiError("roster_unreadable", detail=error.detail) from error
    roles, status = member.get("roles"), member.get("status")
    return Listed(
        sub,
        tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else (),
        not (isinstance(status, str) and status.lower() in _GONE),
        name_of(member),
        words(member.get("email"), MAX_EMAIL),
    )
