"""The people of a class as teachers look through them and change them: one by one, and by sections."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, models, transaction
from django.db.models import Q, Value
from django.db.models.expressions import OrderBy
from django.db.models.functions import Coalesce, Lower, NullIf
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.people import find_person
from classes.errors import CourseError
from classes.guessing import check_guesses, count_miss
from classes.members import Place, admit, change_role, check_going_on, settle
from classes.models import Course, ExpectedMember, Joined, Membership, Role, Section
from classes.querysets import ExpectedMemberQuerySet, MembershipQuerySet
from classes.roster_files import COLUMNS, FORMULA, MAX_SECTION, clean
from environments.usage_tables import defused

MAX_SEARCH_WORDS = 5


class Order(models.TextChoices):
    """How a list of people is sorted."""

    NAME = "name", gettext_lazy("By name")
    SECTION = "section", gettext_lazy("By section")
    SEEN = "seen", gettext_lazy("Seen last")
    NEWEST = "newest", gettext_lazy("Newest")


_SHOWN_NAME = Lower(Coalesce(NullIf("person__display_name", Value("")), "person__username"))
_ORDERS: dict[Order, list[str | OrderBy]] = {
    Order.NAME: ["shown_name", "person__username"],
    Order.SECTION: [models.F("section__name").asc(nulls_last=True), "shown_name"],
    Order.SEEN: [models.F("last_seen_at").desc(nulls_last=True), "shown_name"],
    Order.NEWEST: ["-joined_at", "shown_name"],
}


# --- Looking -----------------------------------------------------------------------------------------------


def find_members(
    course: Course,
    *,
    text: str = "",
    role: str = "",
    section: str = "",
    order: Order = Order.NAME,
    has_left: bool = False,
) -> MembershipQuerySet:
    """Those whose name, username or address has all these words in it; `section` is an id, or `none`."""
    members = course.memberships.filter(left_at__isnull=not has_left).annotate(shown_name=_SHOWN_NAME)
    for word in text.split()[:MAX_SEARCH_WORDS]:
        fields = ("person__display_name", "person__username", "person__email")
        members = members.filter(_any_has(word, fields))
    if role:
        members = members.filter(role=role)
    return _in_section(members, section).select_related("person", "section").order_by(*_ORDERS[order], "pk")


def find_expected(course: Course, *, text: str = "", role: str = "", section: str = "") -> ExpectedMemberQuerySet:
    """The same of those who have no account yet."""
    expected = course.expected.all()
    for word in text.split()[:MAX_SEARCH_WORDS]:
        expected = expected.filter(_any_has(word, ("name", "who")))
    if role:
        expected = expected.filter(role=role)
    return _in_section(expected, section).select_related("section").order_by("name", "who")


def _any_has(word: str, fields: Iterable[str]) -> Q:
    found = Q()
    for name in fields:
        found |= Q(**{f"{name}__icontains": word})
    return found


Rows = TypeVar("Rows", MembershipQuerySet, ExpectedMemberQuerySet)


def _in_section(rows: Rows, section: str) -> Rows:
    if not section:
        return rows
    return rows.filter(section=None) if section == "none" else rows.filter(section__pk=section)


# --- Changing one ------------------------------------------------------------------------------------------


def add_by_name(
    course: Course, name: str, *, role: Role, section: Section | None, by: User, now: datetime
) -> Membership:
    """Let in the person of this username or confirmed e-mail address; somebody who left comes back.

    Raises CourseError `course_over`, `member_unknown`, `member_there_already`, and `people_guessed_too_often`.
    """
    check_going_on(course)
    check_guesses(by)
    person = find_person(name)
    if person is None:
        count_miss(by)
        raise CourseError("member_unknown", who=clean(name)[:150])
    if course.memberships.present().filter(person=person).exists():
        raise CourseError("member_there_already", who=person.get_full_name())
    return admit(course, person, role=role, section=section, joined_by=Joined.HAND, now=now)


def state_of(membership: Membership) -> str:
    """What somebody is in the class, in a form that a page can carry; it differs once anything has changed."""
    return f"{membership.role}:{membership.section_id or ''}:{int(membership.is_present)}"


def change_member(membership: Membership, *, role: Role, section: Section | None, seen: str, now: datetime) -> None:
    """Give somebody another role or section, unless somebody else changed them since the page was shown.

    Raises CourseError `course_over`, `member_changed_meanwhile` and `course_needs_teacher`.
    """
    with transaction.atomic():
        rows = Membership.objects.select_for_update(of=("self",)).select_related("course", "person", "section")
        current = rows.get(pk=membership.pk)
        check_going_on(current.course)
        check_unchanged(current, seen)
        if role != current.role:
            change_role(current, role, now=now)
        if section != current.section:
            current.section = section
            current.save(update_fields=["section"])


def check_unchanged(membership: Membership, seen: str) -> None:
    """Raise CourseError `member_changed_meanwhile` where they are not what the page showed."""
    if state_of(membership) != seen:
        raise CourseError("member_changed_meanwhile", who=membership.person.get_full_name(), now=in_words(membership))


def in_words(membership: Membership) -> str:
    """What somebody is in the class, as a sentence ends with it."""
    if not membership.is_present:
        return _("no longer in the class")
    role = Role(membership.role).label
    if membership.section is None:
        return _("%(role)s in no section") % {"role": str(role).lower()}
    return _("%(role)s in %(section)s") % {"role": str(role).lower(), "section": membership.section.name}


def bring_back(membership: Membership, *, now: datetime) -> None:
    """Have somebody who left or was removed be in the class again, as what they were.

    Raises CourseError `course_over`.
    """
    settle(membership.course, [Place(membership.person)], joined_by=Joined.HAND, now=now)


# --- Sections ----------------------------------------------------------------------------------------------


def make_section(course: Course, name: str) -> Section:
    """A new section. Raises CourseError `course_over`, `section_taken` and `section_name_invalid`."""
    check_going_on(course)
    name = _checked_name(course, name)
    try:
        with transaction.atomic():
            return Section.objects.create(course=course, name=name)
    except IntegrityError as error:  # Made by somebody else in this very moment.
        raise CourseError("section_taken", section=name) from error


def section_named(course: Course, name: str) -> Section:
    """The section of this name, upper or lower case; made if there is none. Raises what `make_section` raises."""
    name = clean(name)
    return _alike(course, name) or make_section(course, name)


def rename_section(section: Section, name: str) -> None:
    """Call it something else. Raises CourseError `course_over`, `section_taken` and `section_name_invalid`."""
    check_going_on(section.course)
    name = _checked_name(section.course, name, but=section)
    try:
        with transaction.atomic():
            Section.objects.filter(pk=section.pk).update(name=name)
    except IntegrityError as error:
        raise CourseError("section_taken", section=name) from error
    section.name = name


def delete_section(section: Section) -> None:
    """Delete it; whoever was in it is in none, and stays in the class. Raises CourseError `course_over`."""
    check_going_on(section.course)
    section.delete()


def _checked_name(course: Course, name: str, *, but: Section | None = None) -> str:
    name = clean(name)
    if not name or len(name) > MAX_SECTION or name.startswith(FORMULA):
        raise CourseError("section_name_invalid", section=name[:80])
    alike = _alike(course, name)
    if alike is not None and alike != but:
        raise CourseError("section_taken", section=alike.name)
    return name


def _alike(course: Course, name: str) -> Section | None:
    return next((each for each in course.sections.all() if each.name.casefold() == name.casefold()), None)


# --- The list as a file ------------------------------------------------------------------------------------


def roster_csv(course: Course) -> str:
    """Everybody in the class and everybody expected, in the columns that can be read again.

    It begins with the mark by which spreadsheets know UTF-8. What they would take for a formula gets an apostrophe,
    which reading takes off again.
    """
    rows = [
        [each.person.username, each.person.email, each.person.get_full_name(), _section_name(each), each.role]
        for each in find_members(course)
    ]
    rows += [
        [*_username_or_address(each.who), each.name, _section_name(each), each.role] for each in find_expected(course)
    ]
    return _csv(rows)


def _section_name(of: Membership | ExpectedMember) -> str:
    return of.section.name if of.section else ""


def _username_or_address(who: str) -> tuple[str, str]:
    return ("", who) if "@" in who else (who, "")


def roster_template() -> str:
    """A file with nothing but the names of the columns."""
    return _csv([])


def _csv(rows: Iterable[list[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows([defused(cell) for cell in row] for row in rows)
    return f"\ufeff{file.getvalue()}"
