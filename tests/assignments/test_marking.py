"""Graders give points one at a time, and what they gave is never lost to another's."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading.marking import (
    LEASE,
    Place,
    Walk,
    change_comment,
    comment,
    drop_lease,
    give_extra,
    give_points,
    latest_change,
    next_place,
    problems,
    take_lease,
    toggle_item,
    undo,
)
from assignments.grading.points import CellKey
from assignments.grading.rubrics import add_item, chosen_of
from assignments.models import Assignment, CellGrade, CellLease, Grade, GradeChange, Submission
from classes.models import Role
from tests.assignments.marked import ESSAY, PROOF, TEST, graded
from tests.factories import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(assignment: Assignment) -> User:
    """Who grades it too."""
    return member(assignment.course, "other", Role.GRADER).person


@pytest.fixture
def submission(assignment: Assignment, now: datetime) -> Submission:
    """What one student gave back."""
    return graded(assignment, member(assignment.course, "ada"), now=now)


def _points(submission: Submission, key: CellKey = ESSAY) -> Decimal:
    return CellGrade.objects.get(submission=submission, notebook=key.notebook, grade_id=key.grade_id).points


def test_points_count_and_the_cell_is_done(submission: Submission, grader: User, now: datetime) -> None:
    give_points(submission, ESSAY, Decimal("2.5"), by=grader, now=now, seen=0, why="half of it")

    assert _points(submission) == Decimal("2.5")
    assert (Grade.objects.get().points, Grade.objects.get().needs_manual) == (Decimal("4.5"), 1)


def test_extra_credit_comes_on_top(submission: Submission, grader: User, now: datetime) -> None:
    give_points(submission, ESSAY, Decimal(4), by=grader, now=now, seen=0)
    give_extra(submission, ESSAY, Decimal(1), by=grader, now=now, seen=0)

    assert _points(submission) == 5


@pytest.mark.parametrize("points", ["-1", "4.01", "NaN", "Infinity"])
def test_points_beyond_what_the_cell_gives_are_refused(
    submission: Submission, grader: User, now: datetime, points: str
) -> None:
    with pytest.raises(AssignmentError, match="points_invalid"):
        give_points(submission, ESSAY, Decimal(points), by=grader, now=now, seen=0)


def test_cell_of_nothing_is_refused(submission: Submission, grader: User, now: datetime) -> None:
    with pytest.raises(AssignmentError, match="cell_unknown"):
        give_points(submission, CellKey("problem1", "none"), Decimal(0), by=grader, now=now, seen=0)


def test_what_somebody_else_has_is_refused(submission: Submission, grader: User, other: User, now: datetime) -> None:
    take_lease(Place(submission.pk, ESSAY), by=grader, now=now)

    with pytest.raises(AssignmentError, match="cell_held"):
        give_points(submission, ESSAY, Decimal(1), by=other, now=now, seen=0)
    assert not GradeChange.objects.filter(by=other).exists()


def test_lease_that_ran_out_is_taken_over(submission: Submission, grader: User, other: User, now: datetime) -> None:
    place = Place(submission.pk, ESSAY)
    take_lease(place, by=grader, now=now)

    take_lease(place, by=other, now=now + LEASE)

    with pytest.raises(AssignmentError, match="cell_held"):
        take_lease(place, by=grader, now=now + LEASE)


def test_renewed_lease_does_not_run_out(submission: Submission, grader: User, other: User, now: datetime) -> None:
    place = Place(submission.pk, ESSAY)
    take_lease(place, by=grader, now=now)
    take_lease(place, by=grader, now=now + LEASE / 2)

    with pytest.raises(AssignmentError, match="cell_held"):
        take_lease(place, by=other, now=now + LEASE)


def test_only_the_holder_drops_a_lease(submission: Submission, grader: User, other: User, now: datetime) -> None:
    place = Place(submission.pk, ESSAY)
    take_lease(place, by=grader, now=now)

    drop_lease(place, by=other)
    assert CellLease.objects.get().holder == grader
    drop_lease(place, by=grader)
    assert not CellLease.objects.exists()


def test_what_was_graded_since_is_not_overwritten(
    submission: Submission, grader: User, other: User, now: datetime
) -> None:
    give_points(submission, ESSAY, Decimal(3), by=other, now=now, seen=0)
    drop_lease(Place(submission.pk, ESSAY), by=other)

    with pytest.raises(AssignmentError, match="cell_changed"):
        give_points(submission, ESSAY, Decimal(1), by=grader, now=now, seen=0)
    give_points(submission, ESSAY, Decimal(1), by=grader, now=now, seen=latest_change(submission, ESSAY))

    assert _points(submission) == 1


def test_next_is_what_nobody_else_has(assignment: Assignment, grader: User, other: User, now: datetime) -> None:
    both = [graded(assignment, member(assignment.course, name), now=now) for name in ("ada", "eva")]
    first = next_place(assignment, None, by=grader, now=now)
    assert first is not None
    take_lease(first, by=grader, now=now)

    theirs = next_place(assignment, None, by=other, now=now)

    assert theirs is not None
    assert theirs.key == ESSAY
    assert {first.submission_id, theirs.submission_id} == {one.pk for one in both}


def test_walk_by_problem_stays_at_the_cell_until_it_is_done(
    assignment: Assignment, grader: User, now: datetime
) -> None:
    both = {graded(assignment, member(assignment.course, name), now=now).pk for name in ("ada", "eva")}

    walked = _walk(assignment, grader, now, Walk.PROBLEM)

    assert [place.key for place in walked] == [ESSAY, ESSAY, PROOF, PROOF]
    assert {place.submission_id for place in walked[:2]} == both


def test_walk_by_student_stays_with_the_student(assignment: Assignment, grader: User, now: datetime) -> None:
    for name in ("ada", "eva"):
        graded(assignment, member(assignment.course, name), now=now)

    walked = _walk(assignment, grader, now, Walk.STUDENT)

    assert [place.key for place in walked] == [ESSAY, PROOF, ESSAY, PROOF]
    assert walked[0].submission_id == walked[1].submission_id != walked[2].submission_id


def _walk(assignment: Assignment, by: User, now: datetime, walk: Walk) -> list[Place]:
    walked: list[Place] = []
    place = next_place(assignment, None, by=by, now=now, walk=walk)
    while place is not None:
        walked.append(place)
        submission = Submission.objects.get(pk=place.submission_id)
        give_points(submission, place.key, Decimal(1), by=by, now=now, seen=0)
        place = next_place(assignment, place, by=by, now=now, walk=walk)
    return walked


@pytest.mark.parametrize("walk", Walk)
def test_walk_back_finds_what_it_came_from(assignment: Assignment, grader: User, now: datetime, walk: Walk) -> None:
    for name in ("ada", "eva"):
        graded(assignment, member(assignment.course, name), now=now)
    first = next_place(assignment, None, by=grader, now=now, walk=walk)
    second = next_place(assignment, first, by=grader, now=now, walk=walk)

    assert next_place(assignment, second, by=grader, now=now, walk=walk, is_back=True) == first


def test_only_the_submission_that_counts_is_to_do(
    assignment: Assignment, submission: Submission, grader: User, now: datetime
) -> None:
    later = graded(assignment, submission.membership, now=now)

    place = next_place(assignment, None, by=grader, now=now)

    assert place == Place(later.pk, ESSAY)
    assert [(one.key, one.all, one.to_do) for one in problems(assignment)] == [
        (ESSAY, 1, 1),
        (PROOF, 1, 1),
        (TEST, 1, 0),
    ]


def test_second_window_is_told_what_the_first_has_chosen(submission: Submission, grader: User, now: datetime) -> None:
    item = add_item(submission.assignment, ESSAY, label="Clear", points=Decimal(1), now=now)
    seen = latest_change(submission, ESSAY)
    toggle_item(submission, item, by=grader, now=now, seen=seen)

    with pytest.raises(AssignmentError, match="rubric_item_toggled"):
        toggle_item(submission, item, by=grader, now=now, seen=seen)

    assert chosen_of(submission, ESSAY) == {item.pk}


def test_items_chosen_one_right_after_the_other_all_count(submission: Submission, grader: User, now: datetime) -> None:
    labels = ("Clear", "Short")
    items = [add_item(submission.assignment, ESSAY, label=label, points=Decimal(1), now=now) for label in labels]

    for item in items:
        toggle_item(submission, item, by=grader, now=now, seen=0)

    assert chosen_of(submission, ESSAY) == {item.pk for item in items}


def test_average_is_of_the_answers_that_are_graded(
    assignment: Assignment, submission: Submission, grader: User, now: datetime
) -> None:
    graded(assignment, member(assignment.course, "bob"), now=now)
    before = {one.key: one.mean for one in problems(assignment)}[ESSAY]
    give_points(submission, ESSAY, Decimal(3), by=grader, now=now, seen=0)

    after = {one.key: one.mean for one in problems(assignment)}[ESSAY]

    assert before is None
    assert after == 3


def test_undo_gives_back_what_was_before(submission: Submission, grader: User, now: datetime) -> None:
    give_points(submission, ESSAY, Decimal(3), by=grader, now=now, seen=0)
    give_points(submission, ESSAY, Decimal(1), by=grader, now=now, seen=0)

    undo(submission, ESSAY, by=grader, now=now)

    assert _points(submission) == 3
    assert GradeChange.objects.filter(by=grader).count() == 3


def test_undo_of_the_first_points_has_the_cell_wait_again(submission: Submission, grader: User, now: datetime) -> None:
    give_points(submission, ESSAY, Decimal(3), by=grader, now=now, seen=0)

    undo(submission, ESSAY, by=grader, now=now)

    assert CellGrade.objects.get(grade_id="essay").needs_manual


def test_undo_of_a_rubric_item_uncovers_the_number_before_it(
    assignment: Assignment, submission: Submission, grader: User, now: datetime
) -> None:
    one, two = (add_item(assignment, ESSAY, label=label, points=Decimal(1), now=now) for label in ("one", "two"))
    toggle_item(submission, one, by=grader, now=now, seen=0)
    give_points(submission, ESSAY, Decimal("3.5"), by=grader, now=now, seen=0)
    toggle_item(submission, two, by=grader, now=now, seen=0)
    assert _points(submission) == 2

    undo(submission, ESSAY, by=grader, now=now)

    assert _points(submission) == Decimal("3.5")


def test_undo_of_a_number_uncovers_the_items_before_it(
    assignment: Assignment, submission: Submission, grader: User, now: datetime
) -> None:
    item = add_item(assignment, ESSAY, label="clear", points=Decimal(2), now=now)
    toggle_item(submission, item, by=grader, now=now, seen=0)
    give_points(submission, ESSAY, Decimal(4), by=grader, now=now, seen=0)

    undo(submission, ESSAY, by=grader, now=now)

    assert _points(submission) == 2


def test_nobody_undoes_what_another_did(submission: Submission, grader: User, other: User, now: datetime) -> None:
    give_points(submission, ESSAY, Decimal(3), by=grader, now=now, seen=0)
    drop_lease(Place(submission.pk, ESSAY), by=grader)

    with pytest.raises(AssignmentError, match="nothing_to_undo"):
        undo(submission, ESSAY, by=other, now=now)


def test_comment_without_words_is_refused(submission: Submission, grader: User, now: datetime) -> None:
    with pytest.raises(AssignmentError, match="comment_empty"):
        comment(submission, notebook="problem1", cell="intro", text=" \n", by=grader, now=now)


def test_only_its_author_changes_a_comment(submission: Submission, grader: User, other: User, now: datetime) -> None:
    said = comment(submission, notebook="problem1", cell="intro", text="Good", by=grader, now=now)

    with pytest.raises(AssignmentError, match="comment_of_another"):
        change_comment(said, text="Bad", by=other, now=now)
    change_comment(said, text="Very good", by=grader, now=now)

    assert submission.comments.get().text == "Very good"
