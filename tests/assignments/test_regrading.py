"""A corrected release is tried on what counts, shown beside it, and counts where a teacher takes it over."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from assignments.files import Bundle, File
from assignments.grading.gradebook import change_points, publish_grades, take_over
from assignments.grading.points import CellKey, ChangeKind
from assignments.grading.regrading import ask_trials, tried
from assignments.grading.regrading import take_over as take_over_trials
from assignments.models import Assignment, Autograding, Grade, Submission, Way
from assignments.submitting.submissions import receive
from classes.errors import CourseError
from classes.models import Membership, Role
from tests.assignments.grading_rows import CELLS, graded_by
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


@pytest.fixture
def assignment() -> Assignment:
    """One that was released."""
    assignment = AssignmentFactory.create(name="given")
    released(assignment, cells=CELLS)
    return assignment


@pytest.fixture
def teacher(assignment: Assignment) -> Membership:
    """Of its class."""
    return member(assignment.course, "teacher", Role.TEACHER)


@pytest.fixture
def corrected(assignment: Assignment, now: datetime) -> list[Submission]:
    """Two submissions with one point each, and a release that came after them."""
    submissions = [_submitted(assignment, member(assignment.course, name), now) for name in ("ada", "bob")]
    for submission in submissions:
        take_over(graded_by(submission, 1), now=now)
    released(assignment, cells=CELLS)
    return submissions


def test_trial_shows_old_and_new_and_changes_nothing(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    ask_trials(assignment, by=teacher.person, now=now)
    _tried_with(corrected[0], 2)

    rows = {row.username: row for row in tried(assignment)}

    assert (rows["ada"].now, rows["ada"].points) == (Decimal(1), Decimal(2))
    assert (rows["ada"].is_other, rows["bob"].is_under_way, rows["bob"].points) == (True, True, None)
    assert set(Grade.objects.values_list("points", flat=True)) == {Decimal(1)}


def test_tests_of_the_earlier_release_that_end_later_do_not_count(
    assignment: Assignment, corrected: list[Submission], now: datetime
) -> None:
    late = graded_by(corrected[0], 1)
    Submission.objects.update(state=Submission.State.RUNNING)
    take_over(graded_by(corrected[0], 2, release=assignment.release), now=now)

    take_over(late, now=now + timedelta(minutes=1))

    submission = Submission.objects.get(pk=corrected[0].pk)
    assert (submission.points, submission.state) == (Decimal(2), Submission.State.GRADED)
    assert submission.autograding is not None
    assert submission.autograding.release == assignment.release


def test_trials_are_asked_for_once(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    counts = [ask_trials(assignment, by=teacher.person, now=now)]
    for submission in corrected:
        _tried_with(submission, 2)
    counts.append(ask_trials(assignment, by=teacher.person, now=now))

    assert (counts, Autograding.objects.filter(is_trial=True).count()) == ([2, 0], 2)


def test_only_what_counts_is_tried(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    ada = corrected[0].membership
    newer = _submitted(assignment, ada, now + timedelta(minutes=1))
    Submission.objects.filter(pk=newer.pk).update(release=assignment.releases.get(number=1))
    take_over(graded_by(newer, 1, release=assignment.releases.get(number=1)), now=now)

    ask_trials(assignment, by=teacher.person, now=now)

    assert set(Autograding.objects.filter(is_trial=True).values_list("submission", flat=True)) == {
        newer.pk,
        corrected[1].pk,
    }


def test_newer_release_takes_the_place_of_trials_that_wait(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    ask_trials(assignment, by=teacher.person, now=now)
    newest = released(assignment, cells=CELLS)

    ask_trials(assignment, by=teacher.person, now=now)

    assert set(Autograding.objects.filter(is_trial=True).values_list("release", flat=True)) == {newest.pk}


def test_taking_over_all_changes_grades(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    ask_trials(assignment, by=teacher.person, now=now)
    for submission in corrected:
        _tried_with(submission, 2)

    assert take_over_trials(assignment, None, now=now) == 2

    assert set(Grade.objects.values_list("points", flat=True)) == {Decimal(2)}
    assert all(row.is_taken_over and not row.is_ready for row in tried(assignment))


def test_taking_over_some_leaves_the_others(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    ask_trials(assignment, by=teacher.person, now=now)
    trials = [_tried_with(submission, 2) for submission in corrected]

    take_over_trials(assignment, {trials[0].pk}, now=now)

    assert [Grade.objects.get(submission=one).points for one in corrected] == [2, 1]


def test_points_of_a_person_stay(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    cell = CellKey("problem1", "answer")
    change_points(corrected[0], kind=ChangeKind.MANUAL, points=Decimal(3), cell=cell, by=teacher.person, now=now)
    ask_trials(assignment, by=teacher.person, now=now)
    _tried_with(corrected[0], 2)

    row = next(row for row in tried(assignment) if row.is_ready)
    take_over_trials(assignment, None, now=now)

    assert row.points == Grade.objects.get(submission=corrected[0]).points == 5


def test_run_that_says_nothing_of_a_cell_leaves_its_points(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    ask_trials(assignment, by=teacher.person, now=now)
    trial = _tried_with(corrected[0], 2)
    trial.scores = [cell for cell in trial.scores if cell["grade_id"] != "tests"]
    trial.save()

    row = next(row for row in tried(assignment) if row.is_ready)
    take_over_trials(assignment, None, now=now)

    assert row.points == Grade.objects.get(submission=corrected[0]).points == 1


def test_published_grade_stays_until_it_is_published_anew(
    assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    publish_grades(assignment, None, by=teacher.person, now=now)
    ask_trials(assignment, by=teacher.person, now=now)
    _tried_with(corrected[0], 2)

    take_over_trials(assignment, None, now=now)

    grade = Grade.objects.get(submission=corrected[0])
    assert (grade.points, grade.published_points) == (Decimal(2), Decimal(1))


def test_class_that_is_over_is_refused(assignment: Assignment, corrected: list[Submission], now: datetime) -> None:
    assignment.course.archived_at = now

    with pytest.raises(CourseError) as raised:
        take_over_trials(assignment, None, now=now)

    assert raised.value.code == "course_over"


def test_page_takes_over_what_is_chosen(
    client: Client, assignment: Assignment, corrected: list[Submission], teacher: Membership, now: datetime
) -> None:
    client.force_login(teacher.person)
    place = f"/classes/{assignment.course.slug}/assignments/given/regrading/"
    client.post(place + "try/")
    trial = _tried_with(corrected[0], 2)

    page = client.get(place).content.decode()
    client.post(place + "take-over/", {"trial": [str(trial.pk), "nonsense"]})

    assert "1 grade would change" in page
    assert str(trial.pk) in page
    assert Grade.objects.get(submission=corrected[0]).points == 2


def test_page_counts_nothing_while_everything_is_being_tried(
    client: Client, assignment: Assignment, corrected: list[Submission], teacher: Membership
) -> None:
    client.force_login(teacher.person)
    place = f"/classes/{assignment.course.slug}/assignments/given/regrading/"

    page = client.post(place + "try/", follow=True).text

    assert "The corrected tests are being run." in page
    assert "would change." not in page


def test_page_says_that_nothing_was_tried_and_that_there_is_nothing_new_to_try(
    client: Client, assignment: Assignment, corrected: list[Submission], teacher: Membership
) -> None:
    client.force_login(teacher.person)
    place = f"/classes/{assignment.course.slug}/assignments/given/regrading/"

    before = client.get(place).content.decode()
    first = client.post(place + "try/", follow=True).content.decode()
    again = client.post(place + "try/", follow=True).content.decode()

    assert "Nothing has been tried yet." in before
    assert "grades would change" not in before
    assert [words for words in (first, again) if "nothing new to try" in words] == [again]


def test_questions_do_not_grow_with_the_class(
    assignment: Assignment,
    corrected: list[Submission],
    teacher: Membership,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    ask_trials(assignment, by=teacher.person, now=now)
    for submission in corrected:
        _tried_with(submission, 2)

    with django_assert_max_num_queries(7):
        tried(assignment)


def _tried_with(submission: Submission, points: int) -> Autograding:
    trial = submission.autogradings.get(is_trial=True)
    trial.state, trial.scores = Autograding.State.DONE, graded_by(submission, points, is_kept=False).scores
    trial.save()
    return trial


def _submitted(assignment: Assignment, membership: Membership, now: datetime) -> Submission:
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    return receive(assignment, membership, bundle, way=Way.LAB, by=membership.person, now=now)
