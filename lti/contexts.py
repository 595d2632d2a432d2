"""Courses of platforms, the classes they are here, and what the platform makes somebody in them.

A platform changes what it gave and nothing else: a role that a teacher chose here stays.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from assignments.models import Assignment
from classes.courses import Plan, make_course
from classes.errors import CourseError
from classes.members import admit, change_role
from classes.models import Course, Joined, Membership, Role
from classes.querysets import CourseQuerySet
from environments.values import ResolvedRepository
from lti import audit
from lti.claims import Place, Services
from lti.errors import LtiError
from lti.models import Context, Deployment, Enrolment, LtiPerson, ResourceLink
from lti.targets import Kind, Target


def find(deployment: Deployment, place: Place) -> Context | None:
    """A course that has been here before."""
    return deployment.contexts.select_related("course").filter(context_id=place.id).first()


def recognise(deployment: Deployment, place: Place, *, now: datetime) -> Context:
    """The course, as its platform calls it now."""
    names = {"title": place.title, "label": place.label}
    context, is_new = deployment.contexts.get_or_create(context_id=place.id, defaults={**names, "created_at": now})
    if not is_new and (context.title, context.label) != (place.title, place.label):
        Context.objects.filter(pk=context.pk).update(**names)
        context.title, context.label = place.title, place.label
    return context


def note_services(context: Context, services: Services) -> None:
    """Keep where the platform can be asked about the course. One launch that does not say takes nothing away."""
    said = {"memberships_url": services.memberships_url, "line_items_url": services.line_items_url}
    news: dict[str, Any] = {name: value for name, value in said.items() if value and value != getattr(context, name)}
    if services.scopes and [*services.scopes] != context.scopes:
        news["scopes"] = [*services.scopes]
    for name, value in news.items():
        setattr(context, name, value)
    if news:
        Context.objects.filter(pk=context.pk).update(**news)


def note_link(context: Context, link: Place, services: Services, said: Target | None, *, now: datetime) -> ResourceLink:
    """The place in it that somebody came by, and what that leads to by the platform's word.

    What a teacher chose here in its stead ends once the platform says something new. The row is locked from here to the
    end of the transaction: what the link leads to changes for nobody in between.
    """
    facts = {"title": link.title, "last_launched_at": now}
    if services.line_item_url:
        facts["line_item_url"] = services.line_item_url
    noted, _is_new = context.resource_links.update_or_create(resource_link_id=link.id, defaults=facts)
    target = said.custom if said is not None else {}
    if noted.target != target:
        noted.target, noted.chosen = target, {}
        noted.save(update_fields=["target", "chosen"])
    return noted


def note_assignment(link: ResourceLink, assignment: Assignment | None) -> None:
    """Keep which assignment of the class a link leads to."""
    if link.assignment_id != (assignment.pk if assignment is not None else None):
        link.assignment = assignment
        link.save(update_fields=["assignment"])


def linked_keys(context: Context) -> set[str]:
    """The keys of what the course has links to, as far as somebody has opened them."""
    links = list(ResourceLink.objects.filter(context=context).only("target", "chosen", "assignment"))
    targets = [Target.read(link.parameters) for link in links]
    said = {target.key if target is not None else Kind.COURSE.value for target in targets}
    return said | {Target(Kind.ASSIGNMENT, link.assignment_id).key for link in links if link.assignment_id is not None}


@transaction.atomic
def enrol(context: Context, person: LtiPerson, role: Role | None, *, now: datetime) -> Membership | None:
    """Have somebody be in the class what the platform says, as far as that is the platform's to say.

    None if they are not in the class and nothing makes them. Raises CourseError `member_was_removed`, `course_deleted`
    and, for whom it would let in, `course_over`.
    """
    given = _note_grant(context, person, role)
    course = context.course
    if course is None:
        return None
    if course.deleted_at is not None:
        raise CourseError("course_deleted", course=course.title)
    membership = course.memberships.filter(person=person.user).select_related("course", "person").first()
    if membership is not None and membership.is_present:
        is_the_platforms = membership.joined_by == Joined.LTI and given == membership.role
        if is_the_platforms and role not in (None, membership.role) and not course.is_over:
            _follow(membership, Role(role), now=now)
        return membership
    if membership is not None and membership.was_removed:
        raise CourseError("member_was_removed", course=course.title)
    if role is None:
        return None
    return admit(course, person.user, role=role, joined_by=Joined.LTI, now=now)


@transaction.atomic
def make_class(
    context: Context, teacher: User, plan: Plan, *, resolved: ResolvedRepository | None, now: datetime
) -> Course:
    """Make the course a class of its own, of this teacher's.

    Raises LtiError `context_connected`, then nothing is made, and what `make_course` raises.
    """
    course = make_course(teacher, plan, resolved=resolved, now=now)
    connect(context, course, by=teacher, now=now)
    return course


def connect(context: Context, course: Course, *, by: User, now: datetime) -> None:
    """Say which class the course is; once, until it is taken apart. Raises LtiError `context_connected`."""
    is_free = Context.objects.filter(pk=context.pk, course=None)
    if is_free.update(course=course, connected_by=by, connected_at=now) != 1:
        raise LtiError("context_connected", context=str(context))
    context.course = course
    platform = context.deployment.platform
    audit.note("course_connected", platform=platform, actor=by, now=now, context=str(context), course=course.title)


def classes_to_connect(user: User) -> CourseQuerySet:
    """The classes this person teaches, and can say of that they are a course."""
    return Course.objects.taught_by(user).filter(archived_at=None)


def _note_grant(context: Context, person: LtiPerson, role: Role | None) -> str | None:
    """What the platform gave before; it is noted what it gives now."""
    kept = context.enrolments.filter(person=person).first()
    given = kept.role if kept else None
    if role is None:
        context.enrolments.filter(person=person).delete()
    else:
        facts = {"role": role, "missing_since": None}
        Enrolment.objects.update_or_create(context=context, person=person, defaults=facts)
    return given


def _follow(membership: Membership, role: Role, *, now: datetime) -> None:
    """Another role than the platform gave before; the last teacher of a class stays one all the same."""
    try:
        change_role(membership, role, now=now)
    except CourseError as error:
        if error.code != "course_needs_teacher":
            raise
