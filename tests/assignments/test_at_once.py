"""What people and workers do in the same moment, on the database that lets them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.grading import autograding, gradebook
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import Place, give_extra, give_points, latest_change, take_lease
from assignments.models import (
    Assignment,
    Autograding,
    CellGrade,
    CellLease,
    Collection,
    Feedback,
    Fetch,
    GateRun,
    Grade,
    GradeChange,
    Submission,
    Way,
)
from assignments.releasing.releases import release
from assignments.submitting import submissions
from assignments.submitting.submissions import ask_collection, receive
from classes.models import Membership, Role
from tests.assignments.grading import bundle_of, graded_release
from tests.assignments.marked import ESSAY, PROOF, graded
from tests.factories import AssignmentFactory, member
from tests.postgres import at_once
from tests.stack import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("on_postgres")]


def codes(came: list[Any]) -> list[str]:
    """What was refused, and why; nothing for what was not. Anything but a refusal is an error of ours."""
    unforeseen = [each for each in came if isinstance(each, Exception) and not isinstance(each, AssignmentError)]
    assert unforeseen == []
    return [each.code if isinstance(each, AssignmentError) else "" for each in came]


# --- Graders -----------------------------------------------------------------------------------------------


@pytest.fixture
def graders(assignment: Assignment) -> list[User]:
    """Two of them."""
    return [member(assignment.course, name, Role.GRADER).person for name in ("eva", "max")]


@pytest.fixture
def submission(assignment: Assignment, now: datetime) -> Submission:
    """What one student gave back."""
    return graded(assignment, member(assignment.course, "ada"), now=now)


def test_of_two_graders_at_one_cell_one_gets_it(submission: Submission, graders: list[User], now: datetime) -> None:
    came = at_once(*[partial(take_lease, Place(submission.pk, ESSAY), by=grader, now=now) for grader in graders])

    assert sorted(codes(came)) == ["", "cell_held"]
    assert CellLease.objects.count() == 1


def test_of_two_graders_with_points_for_one_cell_one_is_refused(
    submission: Submission, graders: list[User], now: datetime
) -> None:
    gives = [
        partial(give_points, submission, ESSAY, Decimal(number), by=grader, now=now, seen=0)
        for number, grader in enumerate(graders, 1)
    ]

    refused = codes(at_once(*gives))

    assert sorted(refused) == ["", "cell_held"]
    assert points_of(submission) == Decimal(1 + refused.index(""))


def test_two_graders_at_two_cells_of_one_submission_both_count(
    submission: Submission, graders: list[User], now: datetime
) -> None:
    came = at_once(
        partial(give_points, submission, ESSAY, Decimal(3), by=graders[0], now=now, seen=0),
        partial(give_points, submission, PROOF, Decimal(5), by=graders[1], now=now, seen=0),
    )

    submission.refresh_from_db()
    assert codes(came) == ["", ""]
    assert (submission.points, submission.needs_manual) == (Decimal(10), 0)
    assert Grade.objects.get(submission=submission).points == Decimal(10)


def test_two_windows_of_one_grader_keep_the_later_points_and_both_in_the_history(
    submission: Submission, graders: list[User], now: datetime
) -> None:
    gives = [partial(give_points, submission, ESSAY, Decimal(n), by=graders[0], now=now, seen=0) for n in (1, 2)]

    came = at_once(*gives)

    last = GradeChange.objects.get(pk=latest_change(submission, ESSAY))
    assert codes(came) == ["", ""]
    assert points_of(submission) == last.points
    assert GradeChange.objects.filter(submission=submission, by=graders[0]).count() == 2
    assert CellLease.objects.count() == 1


def test_points_given_while_tests_are_taken_over_count_with_them(
    submission: Submission, graders: list[User], now: datetime
) -> None:
    again = Autograding.objects.create(
        submission=submission,
        release=submission.release,
        state=Autograding.State.DONE,
        scores=[{"notebook": "problem1", "grade_id": "test-sum", "auto_points": 1}],
    )

    came = at_once(
        partial(gradebook.take_over, again, now=now),
        partial(give_points, submission, ESSAY, Decimal(3), by=graders[0], now=now, seen=0),
        partial(give_extra, submission, PROOF, Decimal(1), by=graders[1], now=now, seen=0),
    )

    submission.refresh_from_db()
    assert codes(came) == ["", "", ""]
    assert submission.points == Decimal(5)


def test_points_of_two_attempts_changed_at_once_both_count(
    submission: Submission, graders: list[User], now: datetime
) -> None:
    eva, max_ = graders
    latest = graded(submission.assignment, submission.membership, now=now + timedelta(hours=1))
    has_given = threading.Event()

    @transaction.atomic
    def gives_and_lingers() -> None:
        give_points(latest, ESSAY, Decimal(3), by=eva, now=now, seen=0)
        has_given.set()
        wait_until(somebody_waits, seconds=20, why="the other grader waits")

    def gives_meanwhile() -> None:
        has_given.wait(20)
        give_points(submission, ESSAY, Decimal(1), by=max_, now=now, seen=0)

    came = at_once(gives_and_lingers, gives_meanwhile)

    grade = Grade.objects.get()
    assert codes(came) == ["", ""]
    assert (grade.submission, grade.points) == (latest, Decimal(5))


def somebody_waits() -> bool:
    """Whether a transaction waits for another to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def test_two_publishings_at_once_tell_each_student_once(assignment: Assignment, now: datetime) -> None:
    for name in ("ada", "bob", "cleo"):
        graded(assignment, member(assignment.course, name), now=now)
    teacher = assignment.course.owner

    came = at_once(*[partial(publish_grades, assignment, None, by=teacher, now=now) for _ in range(2)])

    assert [len(each) for each in came] == [3, 3]
    assert Feedback.objects.count() == 3
    assert Grade.objects.filter(published_points=Decimal(2), published_at=now).count() == 3


def test_two_clicks_at_once_are_one_release(assignment: Assignment, now: datetime) -> None:
    assert assignment.release is not None
    checked = GateRun.objects.create(
        source=assignment.release.source, state=GateRun.State.DONE, has_passed=True, gradebook="g", bundle="b"
    )

    came = at_once(*[partial(release, assignment, checked, by=assignment.course.owner, now=now) for _ in range(2)])

    assert codes(came) == ["", ""]
    assert came[0] == came[1]
    assert assignment.releases.count() == 2


def points_of(submission: Submission) -> Decimal:
    """Of the essay."""
    return CellGrade.objects.get(submission=submission, notebook=ESSAY.notebook, grade_id=ESSAY.grade_id).points


# --- Students ----------------------------------------------------------------------------------------------


@pytest.fixture
def tested() -> Assignment:
    """One that tests grade."""
    assignment = AssignmentFactory.create(name="homework")
    graded_release(assignment)
    return assignment


@pytest.fixture
def ada(tested: Assignment) -> Membership:
    """A student of its class."""
    return member(tested.course, "ada")


def submits(assignment: Assignment, who: Membership, now: datetime) -> Callable[[], Submission]:
    """Hands the same in as anybody."""
    files = bundle_of("submitted-changed.ipynb")
    return partial(receive, assignment, who, files, way=Way.LAB, by=who.person, now=now)


def test_two_submissions_in_one_second_are_two_attempts(tested: Assignment, ada: Membership, now: datetime) -> None:
    came = at_once(submits(tested, ada, now), submits(tested, ada, now))

    assert codes(came) == ["", ""]
    assert sorted(submission.attempt for submission in came) == [1, 2]


def test_of_two_submissions_in_one_second_the_last_attempt_takes_one(
    tested: Assignment, ada: Membership, now: datetime
) -> None:
    tested.attempts = 1
    tested.save()

    came = at_once(submits(tested, ada, now), submits(tested, ada, now))

    assert sorted(codes(came)) == ["", "attempts_used"]
    assert tested.submissions.count() == 1


def test_submission_at_the_deadlines_second_keeps_the_one_for_those_who_forgot_away(
    tested: Assignment, ada: Membership, now: datetime
) -> None:
    files = bundle_of("submitted-changed.ipynb")
    for_her = partial(receive, tested, ada, files, way=Way.DEADLINE, by=None, now=now)

    came = at_once(submits(tested, ada, now), for_her)

    assert codes(came) in (["", "submitted_meanwhile"], ["", ""])
    assert tested.submissions.filter(way=Way.LAB).count() == 1
    assert len({submission.attempt for submission in tested.submissions.all()}) == codes(came).count("")


def test_two_clicks_at_once_are_one_collection(tested: Assignment, ada: Membership, now: datetime) -> None:
    assert tested.release is not None
    Fetch.objects.create(
        assignment=tested, membership=ada, release=tested.release, state=Fetch.State.THERE, asked_at=now
    )

    came = at_once(*[partial(ask_collection, tested, ada, by=ada.person, now=now) for _ in range(2)])

    assert codes(came) == ["", ""]
    assert came[0] == came[1]
    assert Collection.objects.count() == 1


def test_two_workers_with_one_collection_make_one_submission(
    tested: Assignment, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "copy_of", lambda *_whose: bundle_of("submitted-changed.ipynb"))
    Collection.objects.create(assignment=tested, membership=ada, way=Way.PAGE, asked_by=ada.person, asked_at=now)
    both = [Collection.objects.get() for _ in range(2)]

    came = at_once(*[partial(submissions.carry_out_collection, each, now=now) for each in both])

    assert codes(came) == ["", ""]
    assert tested.submissions.count() == 1
    assert Collection.objects.get().submission == tested.submissions.get()


# --- Workers -----------------------------------------------------------------------------------------------


def test_asking_twice_at_once_is_asking_once(tested: Assignment, ada: Membership, now: datetime) -> None:
    submission = submits(tested, ada, now)()

    came = at_once(*[partial(autograding.ask_autograding, submission, by=None, now=now) for _ in range(2)])

    assert codes(came) == ["", ""]
    assert came[0] == came[1] == submission.autogradings.get()


def test_of_two_workers_with_one_submission_one_grades_it(
    tested: Assignment, ada: Membership, now: datetime, fake_backends: None
) -> None:
    autograding.ask_autograding(submits(tested, ada, now)(), by=None, now=now)

    came = at_once(*[partial(autograding.carry_out_next, clock=lambda: now) for _ in range(2)])

    assert sorted(came) == [False, True]
    assert Autograding.objects.get().tries == 1
