"""The people of a class as a list is held against them, and the rows that change when it is taken over.

In a few queries, however many they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from accounts.models import Role as SiteRole
from accounts.models import User
from classes.members import ROWS_AT_ONCE, Place, settle, take_out
from classes.models import Course, Joined, Membership, Role
from lti.models import Context, Enrolment, LtiPerson
from lti.people import is_unused, new_account
from lti.rosters.pages import Listed
from lti.rosters.plan import Known, Line, Outcome, Plan, plan_roster


def plan_of(context: Context, listed: Sequence[Listed], *, read_at: datetime) -> Plan:
    """What the list that was read then would do to the class as it is now."""
    course = _course_of(context)
    enrolments = list(Enrolment.objects.filter(context__course=course).select_related("person"))
    people = _people(context, [one.sub for one in listed], enrolments)
    memberships = {each.person_id: each for each in course.memberships.all()}
    here = {each.person_id: each for each in enrolments if each.context_id == context.pk}
    others = [each for each in enrolments if each.context_id != context.pk and each.missing_since is None]
    elsewhere = {each.person.user_id for each in others}
    taken_out = {each.person.user_id for each in enrolments if each.missing_since is not None}
    known = [
        _known(
            person,
            here.get(person.pk),
            memberships.get(person.user_id),
            is_elsewhere=person.user_id in elsewhere,
            was_taken_out=person.user_id in taken_out,
        )
        for person in people.values()
    ]
    teachers = sum(each.is_present and each.role == Role.TEACHER for each in memberships.values())
    return plan_roster(listed, known, teachers=teachers, read_at=read_at)


def carry_out(context: Context, plan: Plan, listed: Sequence[Listed], *, now: datetime) -> None:
    """Do what the plan says, in the caller's transaction. Raises what `settle` and `take_out` raise."""
    course = _course_of(context)
    people = _people(context, [line.sub for line in plan.lines], [])
    said = {one.sub: one for one in listed}
    _make_accounts(context, [said[line.sub] for line in plan.changes if line.sub not in people], people, now=now)
    coming = [line for line in plan.changes if line.outcome != Outcome.GOES]
    if coming:
        places = [Place(people[line.sub].user, Role(line.role)) for line in coming]
        settle(course, _each_once(places), joined_by=Joined.LTI, now=now)
    take_out(course, [people[line.sub].user_id for line in plan.changes if line.outcome == Outcome.GOES], now=now)
    _note_grants(context, plan.lines, people, now=now)
    _note_names(listed, people)


def _course_of(context: Context) -> Course:
    assert context.course is not None, "asked for a course that is a class"  # noqa: S101
    return context.course


def _people(context: Context, subs: Sequence[str], enrolments: Iterable[Enrolment]) -> dict[str, LtiPerson]:
    """Those of the platform whom it lists, and those who have been in the course, with their accounts."""
    of_platform = LtiPerson.objects.filter(platform=context.deployment.platform_id).select_related("user")
    found: dict[str, LtiPerson] = {}
    for some in _some_at_a_time(subs):
        found |= {person.sub: person for person in of_platform.filter(sub__in=some)}
    before = {each.person_id for each in enrolments if each.context_id == context.pk}
    left = [*before - {person.pk for person in found.values()}]
    for few in _some_at_a_time(left):
        found |= {person.sub: person for person in of_platform.filter(pk__in=few)}
    return found


T = TypeVar("T")


def _some_at_a_time(these: Sequence[T]) -> Iterable[Sequence[T]]:
    return (these[start : start + ROWS_AT_ONCE] for start in range(0, len(these), ROWS_AT_ONCE))


def _known(
    person: LtiPerson,
    enrolment: Enrolment | None,
    membership: Membership | None,
    *,
    is_elsewhere: bool,
    was_taken_out: bool,
) -> Known:
    user = person.user
    return Known(
        sub=person.sub,
        person=str(user.pk),
        name=user.display_name or person.name,
        seen_at=person.last_seen_at,
        is_closed=not user.is_active,
        is_administrator=user.role == SiteRole.ADMINISTRATOR,
        given=Role(enrolment.role) if enrolment else None,
        is_missing=enrolment is not None and enrolment.missing_since is not None,
        was_taken_out=was_taken_out,
        is_elsewhere=is_elsewhere,
        role=Role(membership.role) if membership else None,
        is_present=membership is not None and membership.is_present,
        was_removed=membership is not None and membership.was_removed,
        is_by_platform=membership is not None and membership.joined_by == Joined.LTI,
    )


def _make_accounts(context: Context, listed: Sequence[Listed], people: dict[str, LtiPerson], *, now: datetime) -> None:
    """Accounts for those who have never been here, which become theirs when they first come from the platform."""
    platform = context.deployment.platform
    made = [
        LtiPerson(
            platform=platform,
            sub=one.sub,
            user=new_account(one.name),
            name=one.name,
            email=one.email,
            first_seen_at=now,
            last_seen_at=now,
        )
        for one in listed
    ]
    User.objects.bulk_create([person.user for person in made], batch_size=ROWS_AT_ONCE)
    LtiPerson.objects.bulk_create(made, batch_size=ROWS_AT_ONCE)
    people |= {person.sub: person for person in made}


def _each_once(places: Iterable[Place]) -> list[Place]:
    """One for each account: two people of a platform may have come to share one."""
    return [*{place.person.pk: place for place in places}.values()]


def _note_grants(context: Context, lines: Iterable[Line], people: dict[str, LtiPerson], *, now: datetime) -> None:
    rows = [
        Enrolment(
            context=context,
            person=people[line.sub],
            role=line.given,
            missing_since=now if line.is_missing else None,
        )
        for line in lines
        if line.given and (line.outcome != Outcome.KEPT or line.is_missing)
    ]
    Enrolment.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["context", "person"],
        update_fields=["role", "missing_since"],
        batch_size=ROWS_AT_ONCE,
    )


def _note_names(listed: Iterable[Listed], people: dict[str, LtiPerson]) -> None:
    """What the platform calls them now; an account that nobody has come to yet, and has no name, gets it too."""
    renamed, named = [], []
    for one in listed:
        person = people.get(one.sub)
        if person is None:
            continue
        name, email = one.name or person.name, one.email or person.email
        if (name, email) != (person.name, person.email):
            person.name, person.email = name, email
            renamed.append(person)
        if name and not person.user.display_name and is_unused(person):
            person.user.display_name = name
            named.append(person.user)
    LtiPerson.objects.bulk_update(renamed, ["name", "email"], batch_size=ROWS_AT_ONCE)
    User.objects.bulk_update(named, ["display_name"], batch_size=ROWS_AT_ONCE)
