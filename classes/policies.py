"""Who may do what in a class. Pure predicates over a person's standing in it."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Role as SiteRole
from accounts.models import User
from classes.models import Course, Membership, Role

MAKES_CLASSES = (SiteRole.TEACHER, SiteRole.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is in a class, and as what they look at it now.

    Whoever runs this Carrel stands as a teacher where they are no member. A teacher or grader may look at the class
    as a student sees it, and then is one as far as pages are concerned.
    """

    course: Course
    membership: Membership | None
    role: Role
    is_as_student: bool = False

    @property
    def is_teacher(self) -> bool:
        """Whether they may change the class."""
        return self.role == Role.TEACHER

    @property
    def is_staff(self) -> bool:
        """Whether they see everybody's work: a teacher or a grader."""
        return self.role in (Role.TEACHER, Role.GRADER)

    @property
    def can_change(self) -> bool:
        """Whether they may change the class now: not when it is over."""
        return self.is_teacher and not self.course.is_over


def can_make_course(user: User) -> bool:
    """Whether this person may make classes."""
    return user.is_active and user.role in MAKES_CLASSES


def can_teach(user: User) -> bool:
    """Whether this person teaches a class, or may make one."""
    return can_make_course(user) or user.memberships.present().filter(role=Role.TEACHER).exists()


def standing_of(user: User, course: Course, *, is_as_student: bool = False) -> Standing | None:
    """How this person stands in the class; None for a stranger."""
    membership = course.memberships.present().filter(person=user).select_related("section").first()
    if membership is not None:
        role = Role(membership.role)
    elif user.role == SiteRole.ADMINISTRATOR:
        role = Role.TEACHER
    else:
        return None
    is_as_student = is_as_student and role != Role.STUDENT
    return Standing(course, membership, Role.STUDENT if is_as_student else role, is_as_student)
