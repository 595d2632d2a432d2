"""Answers like one another are found, and given the same together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading.alike import Given, answers_like, give_the_same
from assignments.grading.marking import Place, comment, give_extra, give_points, take_lease, toggle_item
from assignments.grading.rubrics import add_item, chosen_of
from assignments.models import Assignment, CellGrade, CellLease, Submission
from classes.models import Role
from tests.assignments.marked import ESSAY, graded
from tests.factories import member

pytestmark = pytest.mark.django_db

LONG = "Water is wet because its molecules hold on to what they touch, and to one another."
NEAR = LONG.replace("molecules", "particles")
OTHER = "I could not say, and nobody has told me in any of the many lessons that I have been to."


@pytest.fixture
def submit(assignment: Assignment, now: datetime) -> Callable[[str, str], Submission]:
    """Hands in this essay."""

    def hand_in(who: str, essay: str) -> Submission:
        return graded(assignment, member(assignment.course, who), now=now, essay=essay)

    return hand_in


def _row(submission: Submission) -> CellGrade:
    return CellGrade.objects.get(submission=submission, grade_id="essay")


def test_same_answers_come_first_and_near_ones_with_what_is_different(
    submit: Callable[[str, str], Submission],
) -> None:
    own, near, same, _ = (
        submit(name, essay) for name, essay in (("a", LONG), ("b", NEAR), ("c", LONG.upper()), ("d", OTHER))
    )

    likes = answers_like(own, ESSAY)

    found = [(group.is_same, [like.submission.pk for like in group.likes]) for group in likes.groups]
    assert found == [(True, [same.pk]), (False, [near.pk])]
    assert "particles" in "".join(line.text for line in likes.groups[1].difference)
    assert (likes.looked_through, likes.is_all) == (3, True)


def test_own_attempts_and_those_that_do_not_count_are_left_out(submit: Callable[[str, str], Submission]) -> None:
    earlier, own = submit("a", LONG), submit("a", LONG)
    submit("b", LONG)
    counts = submit("b", LONG)

    for one in (earlier, own):
        likes = answers_like(one, ESSAY)

        assert [like.submission.pk for group in likes.groups for like in group.likes] == [counts.pk]


def test_number_is_given_to_those_chosen_and_nobody_else(
    submit: Callable[[str, str], Submission], grader: User, now: datetime
) -> None:
    own, chosen, left = (submit(name, LONG) for name in "abc")
    give_points(own, ESSAY, Decimal("2.5"), by=grader, now=now, seen=0)
    give_extra(own, ESSAY, Decimal(1), by=grader, now=now, seen=0)

    given = give_the_same(own, ESSAY, {chosen.pk: 0}, by=grader, now=now)

    assert given == Given(given=1)
    assert (_row(chosen).points, _row(chosen).needs_manual) == (Decimal("2.5"), False)
    assert _row(left).needs_manual
    assert not CellLease.objects.filter(submission=chosen).exists()


def test_rubric_items_are_given_in_place_of_what_was_there(
    submit: Callable[[str, str], Submission], assignment: Assignment, grader: User, now: datetime
) -> None:
    own, chosen = submit("a", LONG), submit("b", LONG)
    clear, short = (
        add_item(assignment, ESSAY, label=label, points=Decimal(1), now=now) for label in ("Clear", "Short")
    )
    toggle_item(own, clear, by=grader, now=now, seen=0)
    toggle_item(chosen, short, by=grader, now=now, seen=0)
    give_points(chosen, ESSAY, Decimal(4), by=grader, now=now, seen=0)
    seen = next(like.seen for group in answers_like(own, ESSAY).groups for like in group.likes)

    give_the_same(own, ESSAY, {chosen.pk: seen}, by=grader, now=now)

    assert chosen_of(chosen, ESSAY) == {clear.pk}
    assert _row(chosen).points == 1
    assert _row(chosen).origin == "rubric"


def test_answer_nobody_has_graded_gives_nothing(
    submit: Callable[[str, str], Submission], grader: User, now: datetime
) -> None:
    own, other = submit("a", LONG), submit("b", LONG)

    with pytest.raises(AssignmentError, match="answer_not_graded"):
        give_the_same(own, ESSAY, {other.pk: 0}, by=grader, now=now)


def test_what_others_hold_or_have_graded_since_is_left_alone(
    submit: Callable[[str, str], Submission], assignment: Assignment, grader: User, now: datetime
) -> None:
    own, held, changed, free = (submit(name, LONG) for name in "abcd")
    other = member(assignment.course, "octavia", Role.GRADER).person
    give_points(own, ESSAY, Decimal(3), by=grader, now=now, seen=0)
    give_points(changed, ESSAY, Decimal(1), by=other, now=now, seen=0)
    CellLease.objects.all().delete()
    take_lease(Place(held.pk, ESSAY), by=other, now=now)

    given = give_the_same(own, ESSAY, {held.pk: 0, changed.pk: 0, free.pk: 0}, by=grader, now=now)

    assert given == Given(given=1, held=1, changed=1)
    assert [_row(one).points for one in (held, changed, free)] == [0, 1, 3]


def test_comments_are_said_once_to_each(submit: Callable[[str, str], Submission], grader: User, now: datetime) -> None:
    own, other = submit("a", LONG), submit("b", LONG)
    give_points(own, ESSAY, Decimal(3), by=grader, now=now, seen=0)
    comment(own, notebook="problem1", cell="essay", text="Say why.", by=grader, now=now)

    for _ in range(2):
        give_the_same(own, ESSAY, {other.pk: 0}, with_comments=True, by=grader, now=now)

    assert [said.text for said in other.comments.all()] == ["Say why."]


def test_looking_asks_as_much_for_few_as_for_many(submit: Callable[[str, str], Submission]) -> None:
    own = submit("a", LONG)

    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            answers_like(own, ESSAY)
        return len(queries)

    submit("b", LONG)
    counted()  # Reads what the submission belongs to as well.
    few = counted()
    for number in range(5):
        submit(f"student-{number}", LONG)

    assert counted() == few
