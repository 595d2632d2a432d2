"""Taking a list of people into a class: what it would do, shown first; done exactly so, or not at all.

A list adds and changes; it removes nobody. Whom it names and nobody here knows is expected: `expected.welcome`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.people import find_people
from classes.errors import CourseError
from classes.expected import is_proof
from classes.members import ROWS_AT_ONCE, Place, check_going_on, settle
from classes.models import Course, ExpectedMember, Joined, Membership, Role, RosterDraft, Section
from classes.roster_files import FORMULA, RosterLine

DRAFT_KEPT = timedelta(hours=1)


class Outcome(models.TextChoices):
    """What a line of a list would do."""

    JOINS = "joins", _("Comes into the class")
    EXPECTED = "expected", _("Comes in at first sign-in")
    RETURNS = "returns", _("Comes back")
    CHANGES = "changes", _("Changes")
    STAYS = "stays", _("Stays as it is")
    FAULTY = "faulty", _("Left out")


FAULTS = {
    "nobody": _("There is neither a username nor an e-mail address."),
    "too_long": _("Something in it is too long."),
    "formula": _("A name or section begins like a formula, with = + - or @."),
    "role_unknown": _("The role is none of student, grader and teacher."),
    "email_invalid": _("“{who}” is not an e-mail address."),
    "username_invalid": _("“{who}” cannot be a username."),
    "username_unknown": _(
        "Nobody here is called “{who}”. Give the e-mail address: here people choose their usernames."
    ),
    "email_needed": _("Nobody here is called “{who}”. To expect a teacher or grader, give the e-mail address."),
    "duplicate": _("This person is in line {line} already."),
    "two_people": _("The username and the e-mail address belong to two different people."),
}


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """What one line would do to whom. `was_role` and `was_section` are what they are now, if they are anything."""

    number: int
    outcome: Outcome
    who: str
    name: str
    role: str = ""
    section: str = ""
    was_role: str = ""
    was_section: str = ""
    person: str = ""
    """The id of their account; empty for somebody who is only expected."""
    fault: str = ""
    fault_facts: dict[str, str] = field(default_factory=dict)

    @property
    def fault_words(self) -> str:
        """What is wrong with it, for whoever reads the preview."""
        return str(FAULTS[self.fault]).format_map(self.fault_facts) if self.fault else ""

    @property
    def role_words(self) -> str:
        """What they would be, in words."""
        return str(Role(self.role).label) if self.role else ""

    @property
    def was_role_words(self) -> str:
        """What they are now, in words."""
        return str(Role(self.was_role).label) if self.was_role else ""

    @property
    def is_new_role(self) -> bool:
        """Whether a member would be something else than now."""
        return bool(self.was_role) and self.was_role != self.role

    @property
    def is_new_section(self) -> bool:
        """Whether a member would be in another section than now."""
        return bool(self.was_role) and self.was_section != self.section


# --- A draft -----------------------------------------------------------------------------------------------


def keep_draft(course: Course, lines: Sequence[RosterLine], *, by: User, now: datetime) -> RosterDraft:
    """Keep a list while this person looks at it. What they had kept before, and what is too old, is forgotten.

    Raises CourseError `course_over`.
    """
    check_going_on(course)
    RosterDraft.objects.filter(models.Q(course=course, made_by=by) | models.Q(expires_at__lt=now)).delete()
    kept = [asdict(line) for line in lines]
    return RosterDraft.objects.create(course=course, made_by=by, lines=kept, expires_at=now + DRAFT_KEPT)


def forget_drafts(*, now: datetime) -> None:
    """Remove the lists that are too old to be imported: they have names and addresses in them."""
    RosterDraft.objects.filter(expires_at__lte=now).delete()


def lines_of(draft: RosterDraft, *, now: datetime) -> list[RosterLine]:
    """What was read. Raises CourseError `roster_expired`."""
    if draft.expires_at <= now:
        raise CourseError("roster_expired")
    return [RosterLine(**line) for line in draft.lines]


def import_roster(draft: RosterDraft, *, seen: str, now: datetime) -> Counter[Outcome]:
    """Do what the preview with this fingerprint showed, and nothing else; how many lines did what.

    Nothing happens the second time: then nothing is counted. Raises CourseError `roster_expired`, `roster_changed`
    where it would not do the same any more, `course_over` and `course_needs_teacher`; then nothing has changed.
    """
    lines = lines_of(draft, now=now)
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=draft.course_id)
        unused = RosterDraft.objects.filter(pk=draft.pk, imported_at=None)
        if not unused.update(imported_at=now, lines=[]):
            return Counter()
        plan = plan_roster(course, lines)
        if fingerprint(plan) != seen:
            raise CourseError("roster_changed")
        _carry_out(course, plan, now=now)
    return Counter(line.outcome for line in plan)


def fingerprint(plan: Sequence[PlannedLine]) -> str:
    """The same for two plans that do the same."""
    return hashlib.sha256(json.dumps([asdict(line) for line in plan]).encode()).hexdigest()


# --- What it would do --------------------------------------------------------------------------------------


def plan_roster(course: Course, lines: Sequence[RosterLine]) -> list[PlannedLine]:
    """What each line would do to the class as it is now."""
    found = find_people({name for line in lines for name in (line.username, line.email) if name})
    members = _members_by_person(course)
    expected = {each.who: each for each in course.expected.select_related("section")}
    names = {_key(section.name): section.name for section in course.sections.all()}
    first_lines: dict[str, int] = {}
    plan = []
    for line in lines:
        section = names.setdefault(_key(line.section), line.section) if line.section and not line.fault else ""
        plan.append(_planned(line, section, found, members, expected, first_lines))
    return plan


def _planned(
    line: RosterLine,
    section: str,
    found: dict[str, User],
    members: dict[str, Membership],
    expected: dict[str, ExpectedMember],
    first_lines: dict[str, int],
) -> PlannedLine:
    who = line.email or line.username
    try:
        if line.fault:
            raise _Fault(line.fault)
        person = _person(line, found)
        key = str(person.pk) if person else who.lower()
        if (before := first_lines.setdefault(key, line.number)) != line.number:
            raise _Fault("duplicate", line=str(before))
        if person is not None:
            return _for_person(line, section, person, members.get(key))
        _check_stranger(line, who)
    except _Fault as fault:
        facts = {"who": who} | fault.facts
        return PlannedLine(line.number, Outcome.FAULTY, who, line.name, fault=fault.code, fault_facts=facts)
    return _for_stranger(line, section, who.lower(), expected.get(who.lower()))


class _Fault(Exception):
    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def _person(line: RosterLine, found: dict[str, User]) -> User | None:
    people = {found[name] for name in (line.username, line.email) if name in found}
    if len(people) > 1:
        raise _Fault("two_people")
    return people.pop() if people else None


def _check_stranger(line: RosterLine, who: str) -> None:
    """Raise _Fault for somebody who could never be recognised."""
    try:
        validate_email(who) if line.email else UnicodeUsernameValidator()(who)
    except ValidationError as error:
        raise _Fault("email_invalid" if line.email else "username_invalid") from error
    if line.name.startswith(FORMULA):  # That of a known person is not taken from the list.
        raise _Fault("formula")
    if not line.email and not is_proof(who, Role.STUDENT):
        raise _Fault("username_unknown")
    if not is_proof(who, Role(line.role or Role.STUDENT)):
        raise _Fault("email_needed")


def _for_person(line: RosterLine, section: str, person: User, member: Membership | None) -> PlannedLine:
    name = person.get_full_name()
    if member is None:
        role = line.role or Role.STUDENT.value
        return PlannedLine(
            line.number, Outcome.JOINS, person.username, name, role=role, section=section, person=str(person.pk)
        )
    was_section = member.section.name if member.section else ""
    role, section = line.role or member.role, section or was_section
    is_same = (role, section) == (member.role, was_section)
    present = Outcome.STAYS if is_same else Outcome.CHANGES
    outcome = present if member.is_present else Outcome.RETURNS
    return PlannedLine(
        line.number, outcome, person.username, name, role, section, member.role, was_section, person=str(person.pk)
    )


def _for_stranger(line: RosterLine, section: str, who: str, known: ExpectedMember | None) -> PlannedLine:
    if known is None:
        role = line.role or Role.STUDENT.value
        return PlannedLine(line.number, Outcome.EXPECTED, who, line.name, role=role, section=section)
    was_section = known.section.name if known.section else ""
    role, section, name = line.role or known.role, section or was_section, line.name or known.name
    is_same = (role, section, name) == (known.role, was_section, known.name)
    outcome = Outcome.STAYS if is_same else Outcome.CHANGES
    return PlannedLine(line.number, outcome, who, name, role, section, known.role, was_section)


def _members_by_person(course: Course) -> dict[str, Membership]:
    return {str(member.person_id): member for member in course.memberships.select_related("section")}


def _key(section: str) -> str:
    return section.casefold()


# --- Doing it ----------------------------------------------------------------------------------------------


def _carry_out(course: Course, plan: Sequence[PlannedLine], *, now: datetime) -> None:
    doing = [line for line in plan if line.outcome not in (Outcome.STAYS, Outcome.FAULTY)]
    sections = _sections(course, {line.section for line in doing if line.section})
    people = User.objects.in_bulk([line.person for line in doing if line.person])
    by_id = {str(pk): person for pk, person in people.items()}
    places = [Place(by_id[line.person], Role(line.role), sections.get(line.section)) for line in doing if line.person]
    settle(course, places, joined_by=Joined.ROSTER, now=now)
    ExpectedMember.objects.bulk_create(
        [
            ExpectedMember(
                course=course,
                who=line.who,
                name=line.name,
                role=line.role,
                section=sections.get(line.section),
                added_at=now,
            )
            for line in doing
            if not line.person
        ],
        update_conflicts=True,
        unique_fields=["course", "who"],
        update_fields=["name", "role", "section"],
        batch_size=ROWS_AT_ONCE,
    )


def _sections(course: Course, names: set[str]) -> dict[str, Section]:
    """The sections of these names, made as far as they are missing."""
    missing = names - set(course.sections.values_list("name", flat=True))
    Section.objects.bulk_create([Section(course=course, name=name) for name in sorted(missing)])
    return {section.name: section for section in course.sections.all()}
