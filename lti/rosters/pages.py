"""A page of the list of a course's people, as a platform writes it. Pure.

Who is missing from a list may be taken out of a class, so a list is read whole or not at all: what cannot be read is an
error, and never somebody who is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from classes.models import Role
from lti.claims import MAX_EMAIL, identifier, name_of, words
from lti.errors import LtiError
from lti.roles import course_role, is_test_person

_GONE = frozenset({"inactive", "deleted"})


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
