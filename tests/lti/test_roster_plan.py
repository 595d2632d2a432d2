"""What a platform's list of people does to a class, person by person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from classes.models import Role
from lti.rosters.pages import Listed
from lti.rosters.plan import Known, Line, Outcome, Plan, plan_roster

READ_AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
BEFORE = READ_AT - timedelta(days=1)
IN_CLASS: dict[str, Any] = {
    "given": Role.STUDENT,
    "role": Role.STUDENT,
    "is_present": True,
    "is_by_platform": True,
    "seen_at": BEFORE,
}
GONE: dict[str, Any] = IN_CLASS | {"is_present": False, "is_missing": True, "was_taken_out": True}
STUDENT, TEACHER = ("Learner",), ("Instructor",)


def known(sub: str = "1", **facts: Any) -> Known:
    return Known(sub, f"account-{facts.pop('account', sub)}", **facts)


def plan(listed: list[Listed], people: list[Known], teachers: int = 2) -> Plan:
    return plan_roster(listed, people, teachers=teachers, read_at=READ_AT)


def line_of(listed: Listed | None, one: Known | None, teachers: int = 2) -> Line:
    """What happens to somebody, listed or not."""
    (line,) = plan([listed] if listed else [], [one] if one else [], teachers).lines
    return line


# --- On the list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("roles", "role"), [(STUDENT, Role.STUDENT), (TEACHER, Role.TEACHER)])
def test_stranger_comes(roles: tuple[str, ...], role: Role) -> None:
    line = line_of(Listed("1", roles, name="Ada"), None)

    assert line == Line(Outcome.COMES, "1", "Ada", "", role, given=role)


def test_person_of_another_course_comes_with_their_account() -> None:
    line = line_of(Listed("1", STUDENT), known())

    assert (line.outcome, line.person) == (Outcome.COMES, "account-1")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"is_closed": True}, "closed"),
        ({"is_administrator": True}, "administrator"),
        (IN_CLASS | {"is_present": False}, "left"),
        (GONE | {"was_removed": True}, "put_out"),
    ],
)
def test_whoever_does_not_come_stays_out(facts: dict[str, Any], why: str) -> None:
    line = line_of(Listed("1", STUDENT), known(**facts))

    assert (line.outcome, line.why) == (Outcome.APART, why)
    assert line.why_words


@pytest.mark.parametrize("one", [None, known(), known(**GONE)])
def test_nobody_comes_as_nothing(one: Known | None) -> None:
    assert line_of(Listed("1", ()), one).why == "no_role"


def test_whom_the_list_took_out_comes_back_as_what_they_were() -> None:
    line = line_of(Listed("1", STUDENT), known(**GONE | {"role": Role.GRADER}))

    assert (line.outcome, line.role) == (Outcome.RETURNS, Role.GRADER)


def test_more_is_given() -> None:
    line = line_of(Listed("1", TEACHER), known(**IN_CLASS))

    assert (line.outcome, line.was_role, line.role) == (Outcome.RISES, Role.STUDENT, Role.TEACHER)


def test_nobody_becomes_less() -> None:
    line = line_of(Listed("1", STUDENT), known(**IN_CLASS | {"given": Role.TEACHER, "role": Role.TEACHER}))

    assert (line.outcome, line.role, line.given) == (Outcome.STAYS, Role.TEACHER, "")


@pytest.mark.parametrize(
    "facts",
    [
        {"role": Role.GRADER, "given": Role.TEACHER},
        {"role": Role.GRADER},
        {"is_by_platform": False},
        {"is_administrator": True},
    ],
)
def test_what_was_decided_here_stays(facts: dict[str, Any]) -> None:
    assert line_of(Listed("1", TEACHER), known(**IN_CLASS | facts)).outcome == Outcome.STAYS


def test_same_list_twice_does_nothing() -> None:
    line = line_of(Listed("1", STUDENT), known(**IN_CLASS))

    assert (line.outcome, line.given) == (Outcome.STAYS, "")


# --- Not on the list -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [None, Listed("1", STUDENT, is_there=False)])
def test_student_who_is_not_there_goes(listed: Listed | None) -> None:
    line = line_of(listed, known(**IN_CLASS))

    assert (line.outcome, line.is_missing) == (Outcome.GOES, True)


STAFF = {"given": Role.TEACHER, "role": Role.TEACHER}


@pytest.mark.parametrize(
    ("facts", "why", "is_missing"),
    [
        (STAFF, "staff", False),
        ({"role": Role.GRADER}, "role_given_here", False),
        ({"is_elsewhere": True}, "elsewhere", True),
        ({"seen_at": READ_AT + timedelta(seconds=1)}, "just_came", False),
        ({"is_administrator": True}, "administrator", False),
    ],
)
def test_whoever_does_not_go_is_kept(facts: dict[str, Any], why: str, is_missing: bool) -> None:
    line = line_of(None, known(**IN_CLASS | facts))

    assert (line.outcome, line.why, line.is_missing) == (Outcome.KEPT, why, is_missing)


def test_teacher_goes_who_is_listed_as_gone() -> None:
    listed = Listed("1", TEACHER, is_there=False)

    assert line_of(listed, known(**IN_CLASS | STAFF)).outcome == Outcome.GOES


def test_last_teacher_stays() -> None:
    listed = [Listed(sub, TEACHER, is_there=False) for sub in ("1", "2")]
    people = [known(sub, **IN_CLASS | STAFF) for sub in ("1", "2")]

    assert [(line.outcome, line.why) for line in plan(listed, people).lines] == [
        (Outcome.GOES, ""),
        (Outcome.KEPT, "last_teacher"),
    ]


@pytest.mark.parametrize("facts", [{"is_by_platform": False}, {"is_present": False}, {"given": None}])
def test_whoever_is_here_by_other_means_is_no_matter_of_the_list(facts: dict[str, Any]) -> None:
    assert plan([], [known(**IN_CLASS | facts)]).lines == []


def test_account_that_is_listed_by_another_id_stays() -> None:
    people = [known("1", **IN_CLASS), known("2", account="1", **IN_CLASS)]

    assert plan([Listed("2", STUDENT)], people).goes == 0


# --- The brake -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gone", "is_held"), [(0, False), (3, False), (4, True), (10, True)])
def test_plan_is_held_where_too_many_would_go(gone: int, is_held: bool) -> None:
    people = [known(str(number), **IN_CLASS) for number in range(10)]

    assert plan([Listed(str(number), STUDENT) for number in range(gone, 10)], people).is_held is is_held


def test_empty_list_is_held_even_where_nobody_would_go() -> None:
    assert plan([], [known(**IN_CLASS | STAFF)]).is_held


def test_empty_list_of_an_empty_class_is_not() -> None:
    assert not plan([], []).is_held


def test_fingerprint_is_of_what_is_done() -> None:
    first = plan([Listed("1", STUDENT, name="Ada"), Listed("2", STUDENT)], [known("2", **IN_CLASS)])
    same = plan([Listed("2", STUDENT), Listed("1", STUDENT, name="Ada L.")], [known("2", **IN_CLASS)])
    other = plan([Listed("1", TEACHER), Listed("2", STUDENT)], [known("2", **IN_CLASS)])

    assert first.fingerprint == same.fingerprint
    assert first.fingerprint != other.fingerprint
