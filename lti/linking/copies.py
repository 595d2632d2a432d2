"""Courses that were copied from others, as far as their platform says so, and classes made like the former ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.models import User
from classes.copying import copies_for, copy_course
from classes.courses import Plan
from classes.models import Course
from environments.values import ResolvedRepository
from lti import contexts
from lti.models import Context, ResourceLink
from lti.targets import CONTEXT_HISTORY, LINK_HISTORY, former_ids


def note_origin(context: Context, custom: Mapping[str, str]) -> None:
    """Keep which course this one was copied from, while it is no class itself. What is not known here is ignored."""
    if context.course_id is not None or context.copied_from_id is not None:
        return
    found = _by_courses(context, custom) or _by_links(context, custom)
    if found is not None:
        context.copied_from = found
        context.save(update_fields=["copied_from"])


def former_class(context: Context, user: User) -> Course | None:
    """The class of the course that this one was copied from, to whom it is theirs to copy: its teachers."""
    if context.copied_from is None or context.copied_from.course_id is None:
        return None
    return Course.objects.taught_by(user).filter(pk=context.copied_from.course_id).first()


def made_before(former: Course, user: User) -> Course | None:
    """The class in which the former one was given again already, and which they can connect: the latest."""
    return copies_for(former, user).filter(archived_at=None).first()


@transaction.atomic
def make_class_like(
    context: Context, teacher: User, plan: Plan, *, former: Course, resolved: ResolvedRepository | None, now: datetime
) -> Course:
    """Make the course a class of its own, like the former one.

    Raises as `contexts.make_class` and `copy_course` do; then nothing is made.
    """
    course = copy_course(former, teacher, plan, resolved=resolved, now=now)
    contexts.connect(context, course, by=teacher, now=now)
    return course


def _by_courses(context: Context, custom: Mapping[str, str]) -> Context | None:
    ids = former_ids(custom, CONTEXT_HISTORY)
    rows = Context.objects.filter(deployment=context.deployment_id, context_id__in=ids, course__deleted_at=None)
    known = {one.context_id: one for one in rows.filter(course__isnull=False).exclude(pk=context.pk)}
    return next((known[one] for one in ids if one in known), None)


def _by_links(context: Context, custom: Mapping[str, str]) -> Context | None:
    ids = former_ids(custom, LINK_HISTORY)
    rows = ResourceLink.objects.filter(context__deployment=context.deployment_id, resource_link_id__in=ids)
    rows = rows.filter(context__course__isnull=False, context__course__deleted_at=None).exclude(context=context.pk)
    known = {one.resource_link_id: one.context for one in rows.select_related("context")}
    return next((known[one] for one in ids if one in known), None)
