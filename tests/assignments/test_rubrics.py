"""What a rubric item is worth is worth it for everybody, whenever they were graded."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from assignments.deadlines import Counts
from assignments.errors import AssignmentError
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import give_points
from assignments.grading.rubrics import (
    add_item,
    change_item,
    choose,
    chosen_of,
    effects_of,
    items_of,
    retire_item,
    save_comment,
)
from assignments.models import Assignment, CellGrade, Grade, RubricItem, SavedComment, Submission
from tests.assignments.marked import ESSAY, graded
from tests.factories import member

pytestmark = pytest.mark.django_db


def _submissions(assignment: Assignment, many: int, now: datetime) -> list[Submission]:
    names = [f"student-{assignment.submissions.count() + number}" for number in range(many)]
    return [graded(assignment, member(assignment.course, name), now=now) for name in names]


def _points(assignment: Assignment) -> set[Decimal]:
    rows = CellGrade.objects.filter(submission__assignment=assignment, grade_id="essay")
    return set(rows.values_list("points", flat=True))


def test_changed_points_count_wherever_the_item_was_chosen(assignment: Assignment, grader: User, now: datetime) -> None:
    chosen, left = _submissions(assignment, 2, now)
    item = add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(1), now=now)
    choose(chosen, item, is_chosen=True, by=grader, now=now)

    change_item(item, label="Gives a reason", points=Decimal(3), now=now)

    assert Grade.objects.get(submission=chosen).points == 5
    assert Grade.objects.get(submission=left).points == 2


def test_changing_points_asks_as_much_for_few_as_for_many(assignment: Assignment, grader: User, now: datetime) -> None:
    item = add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(1), now=now)

    def counted(many: int, points: int) -> int:
        for submission in _submissions(assignment, many, now):
            choose(submission, item, is_chosen=True, by=grader, now=now)
        with CaptureQueriesContext(connection) as queries:
            change_item(item, label="Gives a reason", points=Decimal(points), now=now)
        return len(queries)

    few, many = counted(2, 2), counted(10, 3)

    assert many == few
    assert _points(assignment) == {Decimal(3)}


def test_items_that_take_away_begin_from_full_points(assignment: Assignment, grader: User, now: datetime) -> None:
    (submission,) = _submissions(assignment, 1, now)
    item = add_item(assignment, ESSAY, label="No source", points=Decimal("-1.5"), now=now)

    choose(submission, item, is_chosen=True, by=grader, now=now)

    assert _points(assignment) == {Decimal("2.5")}


def test_first_item_that_adds_changes_from_where_all_begin(assignment: Assignment, grader: User, now: datetime) -> None:
    (submission,) = _submissions(assignment, 1, now)
    item = add_item(assignment, ESSAY, label="No source", points=Decimal(-1), now=now)
    choose(submission, item, is_chosen=True, by=grader, now=now)

    add_item(assignment, ESSAY, label="Clear", points=Decimal(2), now=now)

    assert _points(assignment) == {Decimal(0)}


def test_item_that_is_taken_back_has_the_cell_wait_again(assignment: Assignment, grader: User, now: datetime) -> None:
    (submission,) = _submissions(assignment, 1, now)
    item = add_item(assignment, ESSAY, label="Clear", points=Decimal(2), now=now)
    choose(submission, item, is_chosen=True, by=grader, now=now)

    choose(submission, item, is_chosen=False, by=grader, now=now)

    assert chosen_of(submission, ESSAY) == set()
    assert CellGrade.objects.get(grade_id="essay").needs_manual


def test_retired_item_counts_and_is_offered_no_more(assignment: Assignment, grader: User, now: datetime) -> None:
    one, two = _submissions(assignment, 2, now)
    item = add_item(assignment, ESSAY, label="Clear", points=Decimal(2), now=now)
    choose(one, item, is_chosen=True, by=grader, now=now)

    retire_item(item, now=now)

    assert items_of(assignment, ESSAY) == []
    assert CellGrade.objects.get(submission=one, grade_id="essay").points == 2
    with pytest.raises(AssignmentError, match="rubric_item_retired"):
        choose(two, item, is_chosen=True, by=grader, now=now)


@pytest.mark.parametrize(("label", "points"), [("", "1"), ("x" * 301, "1"), ("Clear", "NaN"), ("Clear", "10001")])
def test_item_that_makes_no_sense_is_refused(assignment: Assignment, now: datetime, label: str, points: str) -> None:
    with pytest.raises(AssignmentError, match="rubric_item_invalid"):
        add_item(assignment, ESSAY, label=label, points=Decimal(points), now=now)


def test_comment_is_kept_once(assignment: Assignment, grader: User, now: datetime) -> None:
    save_comment(assignment.course, text="Say why.", by=grader, now=now)
    save_comment(assignment.course, text=" Say why. ", by=grader, now=now)

    assert SavedComment.objects.get().text == "Say why."


@pytest.mark.parametrize("points", ["3", "-1", "0"])
def test_effects_are_told_before_anything_changes_and_are_what_comes_of_it(
    assignment: Assignment, grader: User, now: datetime, points: str
) -> None:
    chosen, left = _submissions(assignment, 2, now)
    item = add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(1), now=now)
    choose(chosen, item, is_chosen=True, by=grader, now=now)
    publish_grades(assignment, [chosen.membership], by=grader, now=now)
    item.points = Decimal(points)

    effects = effects_of(item)

    assert [(effect.grade.submission_id, effect.is_published) for effect in effects] == [(chosen.pk, True)]
    assert Grade.objects.get(submission=chosen).points == 3
    assert RubricItem.objects.get().points == 1
    change_item(item, label=item.label, points=item.points, now=now)
    assert Grade.objects.get(submission=chosen).points == effects[0].points == 3 + effects[0].by
    assert Grade.objects.get(submission=left).points == 2


def test_attempt_that_is_the_best_once_another_has_less_counts(
    assignment: Assignment, grader: User, now: datetime
) -> None:
    assignment.counts = Counts.BEST
    assignment.save()
    ada = member(assignment.course, "ada")
    first, second = graded(assignment, ada, now=now), graded(assignment, ada, now=now)
    give_points(first, ESSAY, Decimal(2), by=grader, now=now, seen=0)
    item = add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(3), now=now)
    choose(second, item, is_chosen=True, by=grader, now=now)
    counted = Grade.objects.get()
    item.points = Decimal(1)

    effects = effects_of(item)

    change_item(item, label=item.label, points=item.points, now=now)
    grade = Grade.objects.get()
    assert (counted.submission, counted.points) == (second, Decimal(5))
    assert (grade.submission, grade.points) == (first, Decimal(4))
    assert [(effect.points, effect.by) for effect in effects] == [(Decimal(4), Decimal(-1))]


def test_effects_of_a_new_item_are_those_on_cells_that_began_full(
    assignment: Assignment, grader: User, now: datetime
) -> None:
    (submission,) = _submissions(assignment, 1, now)
    wrong = add_item(assignment, ESSAY, label="Wrong", points=Decimal(-1), now=now)
    choose(submission, wrong, is_chosen=True, by=grader, now=now)
    key = {"notebook": ESSAY.notebook, "grade_id": ESSAY.grade_id}

    effects = effects_of(RubricItem(assignment=assignment, label="Right", points=Decimal(1), **key))

    add_item(assignment, ESSAY, label="Right", points=Decimal(1), now=now)
    assert [effect.by for effect in effects] == [-3]
    assert Grade.objects.get().points == effects[0].points


def test_change_of_words_alone_has_no_effect(assignment: Assignment, grader: User, now: datetime) -> None:
    (submission,) = _submissions(assignment, 1, now)
    item = add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(1), now=now)
    choose(submission, item, is_chosen=True, by=grader, now=now)
    item.label = "Gives reasons"

    assert effects_of(item) == []


def test_effects_of_an_item_that_makes_no_sense_are_refused(assignment: Assignment, now: datetime) -> None:
    item = add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(1), now=now)
    item.points = Decimal("NaN")

    with pytest.raises(AssignmentError, match="rubric_item_invalid"):
        effects_of(item)


def test_effects_ask_as_much_for_few_as_for_many(assignment: Assignment, grader: User, now: datetime) -> None:
    item = add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(1), now=now)

    def counted(many: int) -> int:
        for submission in _submissions(assignment, many, now):
            choose(submission, item, is_chosen=True, by=grader, now=now)
        changed = RubricItem.objects.get(pk=item.pk)
        changed.points = Decimal(2)
        with CaptureQueriesContext(connection) as queries:
            effects_of(changed)
        return len(queries)

    assert counted(1) == counted(5)
