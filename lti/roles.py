"""What the roles of a message mean in a class. They never mean anything to the whole site.

Only roles in the course count: platforms tell of somebody's place in the institution too, and a teacher of the
institution may well be a student of this course.
"""

from __future__ import annotations

from collections.abc import Collection

from classes.models import Role

_MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
_TEST_PERSON = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
_ASSISTANTS = ("TeachingAssistant", "Grader")
"""How the sub-roles of an instructor begin that are for those who help one."""


def course_role(roles: Collection[str]) -> Role | None:
    """What somebody with these roles is in the class; None is nothing at all.

    A teaching assistant is sent as an instructor too, so the smaller role is looked for first.
    """
    known = [_in_course(role) for role in roles]
    for wanted in (Role.GRADER, Role.TEACHER, Role.STUDENT):
        if wanted in known:
            return wanted
    return None


def is_test_person(roles: Collection[str]) -> bool:
    """Whether it is nobody: a teacher who looks at the course as a made-up student."""
    return _TEST_PERSON in roles


def _in_course(role: str) -> Role | None:
    principal, sub = _parts(role)
    if principal == "Instructor":
        return Role.GRADER if sub.startswith(_ASSISTANTS) else Role.TEACHER
    if principal == "Learner":
        return Role.STUDENT
    return Role.GRADER if principal == "TeachingAssistant" else None


def _parts(role: str) -> tuple[str, str]:
    """The principal role in the course and the one below it; both empty for any other role."""
    if role.startswith(f"{_MEMBERSHIP}#"):
        return role.removeprefix(f"{_MEMBERSHIP}#"), ""
    if role.startswith(f"{_MEMBERSHIP}/"):
        principal, _hash, sub = role.removeprefix(f"{_MEMBERSHIP}/").partition("#")
        return principal, sub
    return (role, "") if role.isalpha() else ("", "")
