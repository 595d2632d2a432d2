"""Taking a list into a class: what is shown is what is done, once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from accounts.people import find_people, find_person
from classes.errors import CourseError
from classes.expected import welcome
from classes.members import remove
from classes.models import Course, ExpectedMember, Role, RosterDraft, Section
from classes.people import roster_csv
from classes.roster_files import read_roster
from classes.rosters import Outcome, PlannedLine, fingerprint, forget_drafts, import_roster, keep_draft, plan_roster
from tests.factories import CourseFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    course = CourseFactory.create()
    member(course, "lead", Role.TEACHER)
    return course


@pytest.fixture(autouse=True)
def accounts_are_given(settings: Settings) -> None:
    """As at an institution: nobody chooses their own username."""
    settings.SIGNUP_OPEN = False


def person_with(address: str, username: str) -> User:
    """Somebody who has shown that this address is theirs."""
    person = UserFactory.create(username=username, email=address)
    EmailAddress.objects.create(user=person, email=address, verified=True, primary=True)
    return person


def plan_of(course: Course, text: str) -> list[PlannedLine]:
    return plan_roster(course, read_roster(text.encode()))


def take(course: Course, text: str, *, now: datetime) -> Counter[Outcome]:
    draft = keep_draft(course, read_roster(text.encode()), by=course.owner, now=now)
    return import_roster(draft, seen=fingerprint(plan_of(course, text)), now=now)


def state_of(course: Course) -> list[tuple[str, str, str]]:
    rows = course.memberships.present().select_related("person", "section")
    return sorted((each.person.username, each.role, each.section.name if each.section else "") for each in rows)


def test_import_does_to_each_line_what_it_says(course: Course, now: datetime) -> None:
    person_with("ada@example.org", "ada")
    UserFactory.create(username="bob")
    member(course, "carl")
    remove(member(course, "dora", Role.GRADER), now=now)
    text = (
        "email,username,name,section,role\n"
        "ADA@example.org,,Somebody,Monday,\n"
        ",BOB,,monday,grader\n"
        ",carl,,Friday,\n"
        ",dora,,,\n"
        "eve@example.org,,Eve,Monday,\n"
        ",lead,,,\n"
        ",,Nobody,,\n"
    )

    done = take(course, text, now=now)

    assert done == Counter(joins=2, changes=1, returns=1, expected=1, stays=1, faulty=1)
    assert state_of(course) == [
        ("ada", "student", "Monday"),
        ("bob", "grader", "Monday"),
        ("carl", "student", "Friday"),
        ("dora", "grader", ""),
        ("lead", "teacher", ""),
    ]
    eve = ExpectedMember.objects.get()
    assert (eve.who, eve.name, eve.role, str(eve.section)) == ("eve@example.org", "Eve", "student", "Monday")


def test_import_has_the_groups_follow(course: Course, now: datetime) -> None:
    member(course, "falls", Role.TEACHER)
    UserFactory.create(username="rises")

    take(course, "username,role\nfalls,student\nrises,teacher\n", now=now)

    assert {each.username for each in course.teachers.user_set.all()} == {"lead", "rises"}
    assert {each.username for each in course.everybody.user_set.all()} == {"lead", "rises", "falls"}


def test_forget_removes_lists_once_their_time_is_over(course: Course, now: datetime) -> None:
    draft = keep_draft(course, read_roster(b"username\nbob\n"), by=course.owner, now=now)

    forget_drafts(now=draft.expires_at - timedelta(seconds=1))
    kept = RosterDraft.objects.count()
    forget_drafts(now=draft.expires_at)

    assert (kept, RosterDraft.objects.count()) == (1, 0)


def test_import_happens_once(course: Course, now: datetime) -> None:
    UserFactory.create(username="bob")
    lines = read_roster(b"username\nbob\n")
    draft = keep_draft(course, lines, by=course.owner, now=now)
    in_another_window = RosterDraft.objects.get()
    seen = fingerprint(plan_roster(course, lines))

    done = [import_roster(each, seen=seen, now=now) for each in (draft, in_another_window)]

    assert done == [Counter(joins=1), Counter()]
    assert RosterDraft.objects.get().lines == []


def test_import_is_refused_once_the_class_has_changed(course: Course, now: datetime) -> None:
    bob = member(course, "bob")
    draft = keep_draft(course, read_roster(b"username,role\nbob,grader\n"), by=course.owner, now=now)
    seen = fingerprint(plan_of(course, "username,role\nbob,grader\n"))
    remove(bob, now=now)

    with pytest.raises(CourseError, match="roster_changed"):
        import_roster(draft, seen=seen, now=now)

    draft.refresh_from_db()
    bob.refresh_from_db()
    assert (draft.imported_at, bob.is_present, bob.role) == (None, False, Role.STUDENT)


def test_import_is_refused_after_an_hour(course: Course, now: datetime) -> None:
    draft = keep_draft(course, read_roster(b"username\nlead\n"), by=course.owner, now=now)

    with pytest.raises(CourseError, match="roster_expired"):
        import_roster(draft, seen="", now=now + timedelta(hours=1))


def test_import_that_takes_the_last_teacher_changes_nothing(course: Course, now: datetime) -> None:
    UserFactory.create(username="bob")

    with pytest.raises(CourseError, match="course_needs_teacher"):
        take(course, "username,role\nlead,student\nbob,\n", now=now)

    assert state_of(course) == [("lead", "teacher", "")]


def test_keep_is_refused_once_the_class_is_over(course: Course, now: datetime) -> None:
    course.archived_at = now

    with pytest.raises(CourseError, match="course_over"):
        keep_draft(course, [], by=course.owner, now=now)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("lead,other@example.org,", "two_people"),
        (",not-an-address,", "email_invalid"),
        ("no space allowed,,", "username_invalid"),
        ("a\u202eb!,,", "username_invalid"),
        ("unknown,,teacher", "email_needed"),
        (",,student", "nobody"),
        (",eve@example.org,student,=HYPERLINK(1)", "formula"),
    ],
)
def test_plan_leaves_out_what_cannot_be(course: Course, line: str, fault: str) -> None:
    person_with("other@example.org", "other")

    planned = plan_of(course, f"username,email,role,name\n{line}\n")[0]

    assert (planned.outcome, planned.fault) == (Outcome.FAULTY, fault)
    assert planned.fault_words


@pytest.mark.parametrize("again", ["ada,", "ADA,", ",ada@example.org", "ada,ada@example.org"])
def test_plan_takes_a_person_once(course: Course, again: str) -> None:
    person_with("ada@example.org", "ada")

    second = plan_of(course, f"username,email\nada,\n{again}\n")[1]

    assert (second.fault, second.fault_facts["line"]) == ("duplicate", "2")


def test_plan_takes_a_stranger_once(course: Course) -> None:
    lines = plan_of(course, "email\nX@example.org\nx@EXAMPLE.org\n")

    assert [line.fault for line in lines] == ["", "duplicate"]


def test_plan_trusts_no_username_where_people_choose_their_own(course: Course, settings: Settings) -> None:
    settings.SIGNUP_OPEN = True

    assert plan_of(course, "username\nunknown\n")[0].fault == "username_unknown"


def test_plan_knows_nobody_by_an_address_they_have_not_confirmed(course: Course) -> None:
    UserFactory.create(username="thief", email="ada@example.org")

    assert plan_of(course, "email\nada@example.org\n")[0].outcome == Outcome.EXPECTED


def test_plan_asks_as_often_for_many_as_for_few(course: Course) -> None:
    for number in range(40):
        UserFactory.create(username=f"known{number}")

    def queries(count: int) -> int:
        text = "username,section\n" + "".join(f"known{number},S{number}\n" for number in range(count))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            plan_of(course, text)
        return len(asked)

    assert queries(40) == queries(2)


def test_import_asks_as_often_for_many_as_for_few(course: Course, now: datetime) -> None:
    for number in range(60):
        UserFactory.create(username=f"known{number}")

    def queries(start: int, count: int) -> int:
        text = "username,section\n" + "".join(f"known{number},S\n" for number in range(start, start + count))
        with CaptureQueriesContext(connection) as asked:
            take(course, text, now=now)
        return len(asked)

    queries(0, 1)
    assert queries(1, 50) == queries(51, 2)


def test_export_can_be_imported_again_and_holds_no_formula(course: Course, now: datetime) -> None:
    UserFactory.create(username="evil", display_name="=cmd|' /C calc'!A0")
    take(course, "username,email,name,section\nevil,,,Monday\n,eve@example.org,Eve,Monday\n", now=now)

    text = roster_csv(course)

    assert "'=cmd" in text
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in text.splitlines() for cell in line.split(","))
    outcomes = {line.who: line.outcome for line in plan_of(course, text)}
    assert outcomes == {"lead": Outcome.STAYS, "evil": Outcome.STAYS, "eve@example.org": Outcome.STAYS}


# --- Whom a class waits for --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.STUDENT, Role.GRADER])
def test_welcome_lets_in_who_has_confirmed_the_address(course: Course, now: datetime, role: Role) -> None:
    section = Section.objects.create(course=course, name="Monday")
    ExpectedMember.objects.create(course=course, who="ada@example.org", role=role, section=section)

    welcome(person_with("Ada@example.org", "somebody"), now=now)

    assert ("somebody", role.value, "Monday") in state_of(course)
    assert not ExpectedMember.objects.exists()


def test_welcome_lets_nobody_in_by_an_address_they_only_typed(course: Course, now: datetime) -> None:
    ExpectedMember.objects.create(course=course, who="ada@example.org")
    thief = UserFactory.create(username="ada@example.org", email="ada@example.org")
    EmailAddress.objects.create(user=thief, email="ada@example.org", verified=False)

    welcome(thief, now=now)

    assert state_of(course) == [("lead", "teacher", "")]


@pytest.mark.parametrize(("is_open", "role"), [(True, Role.STUDENT), (False, Role.TEACHER)])
def test_welcome_lets_nobody_in_by_a_username_that_proves_nothing(
    course: Course, now: datetime, settings: Settings, is_open: bool, role: Role
) -> None:
    settings.SIGNUP_OPEN = is_open
    ExpectedMember.objects.create(course=course, who="ada", role=role)

    welcome(UserFactory.create(username="ada"), now=now)

    assert state_of(course) == [("lead", "teacher", "")]


@pytest.mark.parametrize("ended", ["archived_at", "deleted_at"])
def test_welcome_passes_over_classes_that_are_over(course: Course, now: datetime, ended: str) -> None:
    Course.objects.update(**{ended: now})
    ExpectedMember.objects.create(course=course, who="ada")

    welcome(UserFactory.create(username="ada"), now=now)

    assert ExpectedMember.objects.exists()


def test_welcome_leaves_a_member_as_they_are(course: Course, now: datetime) -> None:
    ada = member(course, "ada", Role.GRADER)
    ExpectedMember.objects.create(course=course, who="ada")

    welcome(ada.person, now=now)

    assert ("ada", "grader", "") in state_of(course)
    assert not ExpectedMember.objects.exists()


# --- Finding many ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "ada",
        "ADA",
        " Ada ",
        "twin",
        "Twin",
        "TWIN",
        "gone",
        "Élodie",
        "ada@example.org",
        "ADA@Example.ORG",
        "typed@example.org",
        "",
        " ",
        "a\x00b",
        "nobody",
        "nobody@example.org",
    ],
)
def test_find_people_finds_whom_find_person_finds(name: str) -> None:
    person_with("ada@example.org", "ada")
    for username in ("twin", "Twin", "Élodie", "odd@example.org"):
        UserFactory.create(username=username, email="typed@example.org")
    UserFactory.create(username="gone", is_active=False)

    assert find_people([name]).get(name) == find_person(name)
