"""A student's copy is put among their files, and taken back as their submission."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import PurePosixPath

import pytest

from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.models import Assignment, Collection, Fetch, Submission, Way
from assignments.submitting.fetching import ask_fetch, carry_out_fetch, copy_of, folder_of, home_of, urlpath_of
from assignments.submitting.submissions import ask_collection, carry_out_collection, receive
from classes.errors import CourseError
from classes.models import Membership
from environments.backends import volume_store
from environments.volumes.archive import Entry, pack
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

WORK = EMPTY_NOTEBOOK


@pytest.fixture
def assignment() -> Assignment:
    """One that was released."""
    assignment = AssignmentFactory.create()
    released(assignment, problem1=WORK)
    return assignment


@pytest.fixture
def ada(assignment: Assignment) -> Membership:
    """A student of its class."""
    return member(assignment.course, "ada")


def test_fetch_puts_the_release_among_their_files(assignment: Assignment, ada: Membership, now: datetime) -> None:
    fetch = _fetched(assignment, ada, now)

    assert fetch.state == Fetch.State.THERE
    assert copy_of(assignment, ada).read("problem1.ipynb") == WORK


def test_fetch_again_leaves_their_work_alone(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _fetched(assignment, ada, now)
    _write(assignment, ada, b"my work")

    _fetched(assignment, ada, now)

    assert copy_of(assignment, ada).read("problem1.ipynb") == b"my work"


def test_copy_is_opened_in_jupyterlab(assignment: Assignment) -> None:
    folder = f"lab/tree/home/{folder_of(assignment)}"

    assert urlpath_of(assignment) == folder
    assert urlpath_of(assignment, "problem 1") == f"{folder}/problem%201.ipynb"


def test_fetch_of_what_is_not_released_is_refused(ada: Membership, now: datetime) -> None:
    draft = AssignmentFactory.create(course=ada.course)

    with pytest.raises(AssignmentError) as raised:
        ask_fetch(draft, ada, now=now)

    assert raised.value.code == "assignment_not_released"


def test_collection_takes_the_copy_as_it_is(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _fetched(assignment, ada, now)
    _write(assignment, ada, b"my work")

    submission = _submitted(assignment, ada, now)

    kept = files.from_tar([artefacts.read(submission.bundle)], limits=files.Limits()).bundle
    assert kept.read("problem1.ipynb") == b"my work"
    assert submission.files == [["problem1.ipynb", 7, kept.files[0].sha256]]


def test_collection_leaves_out_what_programs_have_put_into_the_copy(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    _fetched(assignment, ada, now)
    _write(assignment, ada, b"my work")
    for path in ("feedback/2026-01-01 10:00:00 UTC/problem1.html", ".ipynb_checkpoints/problem1-checkpoint.ipynb"):
        _write(assignment, ada, b"not my work", path=path)
    _write(assignment, ada, b"mine", path="data/feedback/of-users.csv")

    submission = _submitted(assignment, ada, now)

    assert [path for path, _bytes, _digest in submission.files] == ["data/feedback/of-users.csv", "problem1.ipynb"]


def test_collection_takes_a_folder_called_feedback_that_was_given_out(ada: Membership, now: datetime) -> None:
    survey = AssignmentFactory.create(course=ada.course, name="survey")
    released(survey, cells=(), **{"problem1": WORK, "feedback/of-users": WORK})
    _fetched(survey, ada, now)

    submission = _submitted(survey, ada, now)

    assert [path for path, _bytes, _digest in submission.files] == ["feedback/of-users.ipynb", "problem1.ipynb"]


def test_collection_counts_from_the_click(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assignment.closes_at = now
    assignment.save()
    _fetched(assignment, ada, now)
    collection = ask_collection(assignment, ada, by=ada.person, now=now)

    carry_out_collection(collection, now=now + timedelta(minutes=5))

    assert Submission.objects.get().submitted_at == now


def test_collection_carried_out_twice_makes_one_submission(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    _fetched(assignment, ada, now)
    collection = ask_collection(assignment, ada, by=ada.person, now=now)
    again = Collection.objects.get(pk=collection.pk)

    carry_out_collection(collection, now=now)
    carry_out_collection(again, now=now)

    assert Submission.objects.count() == 1


def test_two_clicks_are_one_collection(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _fetched(assignment, ada, now)

    first = ask_collection(assignment, ada, by=ada.person, now=now)
    second = ask_collection(assignment, ada, by=ada.person, now=now)

    assert first == second


def test_collection_without_a_copy_is_refused(assignment: Assignment, ada: Membership, now: datetime) -> None:
    with pytest.raises(AssignmentError) as raised:
        ask_collection(assignment, ada, by=ada.person, now=now)

    assert raised.value.code == "copy_missing"


def test_collection_of_a_copy_that_was_deleted_says_so(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _fetched(assignment, ada, now)
    home = home_of(ada.person)
    assert home is not None
    volume_store().delete(home.key)
    collection = ask_collection(assignment, ada, by=ada.person, now=now)

    carry_out_collection(collection, now=now)

    assert (collection.state, collection.failure_code) == (Collection.State.FAILED, "copy_missing")


def test_attempts_are_numbered(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _fetched(assignment, ada, now)

    attempts = [_submitted(assignment, ada, now).attempt for _ in range(2)]

    assert attempts == [1, 2]


def test_receive_refuses_beyond_the_last_attempt(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assignment.attempts = 1
    assignment.save()
    _fetched(assignment, ada, now)
    _submitted(assignment, ada, now)

    with pytest.raises(AssignmentError) as raised:
        receive(assignment, ada, copy_of(assignment, ada), way=Way.LAB, by=ada.person, now=now)

    assert raised.value.code == "attempts_used"


def test_receive_refuses_who_has_left(assignment: Assignment, ada: Membership, now: datetime) -> None:
    ada.left_at = now
    ada.save()

    with pytest.raises(AssignmentError) as raised:
        receive(assignment, ada, files.Bundle((files.File("a.ipynb", WORK),)), way=Way.LAB, by=ada.person, now=now)

    assert raised.value.code == "not_a_student_here"


def test_receive_refuses_in_a_class_that_is_over(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assignment.course.archived_at = now
    assignment.course.save()

    with pytest.raises(CourseError) as raised:
        receive(assignment, ada, files.Bundle((files.File("a.ipynb", WORK),)), way=Way.LAB, by=ada.person, now=now)

    assert raised.value.code == "course_over"


def test_receive_refuses_files_without_a_notebook(assignment: Assignment, ada: Membership, now: datetime) -> None:
    with pytest.raises(AssignmentError) as raised:
        receive(assignment, ada, files.Bundle((files.File("a.txt", WORK),)), way=Way.LAB, by=ada.person, now=now)

    assert raised.value.code == "submission_without_notebooks"


def _fetched(assignment: Assignment, membership: Membership, now: datetime) -> Fetch:
    fetch = ask_fetch(assignment, membership, now=now)
    carry_out_fetch(fetch, now=now)
    return fetch


def _submitted(assignment: Assignment, membership: Membership, now: datetime) -> Submission:
    collection = ask_collection(assignment, membership, by=membership.person, now=now)
    carry_out_collection(collection, now=now)
    return Submission.objects.get(collection=collection)


def _write(assignment: Assignment, membership: Membership, content: bytes, *, path: str = "problem1.ipynb") -> None:
    home = home_of(membership.person)
    assert home is not None
    entry = Entry(PurePosixPath(path), size=len(content), content=[content])
    volume_store().write(home.key, folder_of(assignment), pack([entry]), max_bytes=10_000)
