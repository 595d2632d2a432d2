"""Who may do what with a course of a learning platform. Pure predicates."""

from __future__ import annotations

from accounts.models import User
from classes.models import Role
from classes.policies import can_make_course as can_make_any_course
from lti.models import Context


def can_connect(user: User, context: Context) -> bool:
    """Whether this person may say which class a course is: its platform has to call them its teacher."""
    platform = context.deployment.platform
    teachers = context.enrolments.filter(role=Role.TEACHER, missing_since=None)
    return platform.is_active and teachers.filter(person__user=user, person__platform=platform).exists()


def can_make_course_for(user: User, context: Context) -> bool:
    """Whether they may make it a class of its own: where its platform's teachers may, or they may here anyway."""
    return can_connect(user, context) and (context.deployment.platform.are_classes_made or can_make_any_course(user))
