"""Who forgot to submit has their copy submitted for them, once, and as of the last second in which it was in time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from assignments.deadlines import LateRule
from assignments.models import Assignment, Collection, Extension, Fetch, Submission, Way
from assignments.submitting.at_the_deadline import hand_in_for_those_who_forgot
from assignments.submitting.fetching import ask_fetch, carry_out_fetch, copy_of, folder_of, home_of
from assignments.submitting.submissions import carry_out_collection, receive
from classes.models import Membership, Role
from environments.backends import volume_store
from environments.volumes.archive import Entry, pack
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def assignment(now: datetime) -> Assignment:
    """One that is due now."""
    assignment = AssignmentFactory.create(due_at=now)
    released(assignment)
    return assignment


@pytest.fixture
def ada(assignment: Assignment, now: datetime) -> Membership:
    """A student who has worked on it."""
    return _working(assignment, "ada", now - HOUR)


def test_copy_is_submitted_as_of_the_last_second_in_time(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    _sweep(now + HOUR)

    submission = Submission.objects.get()
    assert (submission.membership, submission.way) == (ada, Way.DEADLINE)
    assert submission.submitted_at == now.replace(microsecond=0)


def test_nothing_is_submitted_within_the_last_second(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assert hand_in_for_those_who_forgot(now=now) == 0
    assert hand_in_for_those_who_forgot(now=now + SECOND) == 1


def test_grace_is_waited_for(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assignment.late = LateRule(grace_minutes=10).as_json()
    assignment.save()

    assert hand_in_for_those_who_forgot(now=now + timedelta(minutes=10)) == 0
    assert hand_in_for_those_who_forgot(now=now + timedelta(minutes=10) + SECOND) == 1


def test_extension_is_waited_for(assignment: Assignment, ada: Membership, now: datetime) -> None:
    Extension.objects.create(assignment=assignment, membership=ada, extra_minutes=60)

    assert hand_in_for_those_who_forgot(now=now + HOUR) == 0
    assert hand_in_for_those_who_forgot(now=now + HOUR + SECOND) == 1


def test_who_submitted_is_left_alone(assignment: Assignment, ada: Membership, now: datetime) -> None:
    receive(assignment, ada, copy_of(assignment, ada), way=Way.LAB, by=ada.person, now=now)

    assert hand_in_for_those_who_forgot(now=now + SECOND) == 0


def test_who_submits_before_the_worker_comes_has_one_submission(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    hand_in_for_those_who_forgot(now=now + SECOND)
    receive(assignment, ada, copy_of(assignment, ada), way=Way.LAB, by=ada.person, now=now + SECOND)

    carry_out_collection(Collection.objects.get(), now=now + SECOND)

    assert [one.way for one in Submission.objects.all()] == [Way.LAB]


def test_who_gets_more_time_before_the_worker_comes_keeps_it(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    hand_in_for_those_who_forgot(now=now + SECOND)
    Extension.objects.create(assignment=assignment, membership=ada, extra_minutes=60)

    carry_out_collection(Collection.objects.get(), now=now + SECOND)

    assert Collection.objects.get().failure_code == "deadline_moved"
    _sweep(now + HOUR + SECOND)
    assert Submission.objects.get().submitted_at == (now + HOUR).replace(microsecond=0)


@pytest.mark.parametrize("change", [{"is_submitted_at_deadline": False}, {"due_at": None}], ids=["no more", "never"])
def test_rule_that_is_changed_before_the_worker_comes_counts(
    assignment: Assignment, ada: Membership, now: datetime, change: dict[str, bool | None]
) -> None:
    hand_in_for_those_who_forgot(now=now + SECOND)
    Assignment.objects.update(**change)

    carry_out_collection(Collection.objects.get(), now=now + SECOND)

    assert not Submission.objects.exists()


def test_sweeping_again_submits_nothing_more(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _sweep(now + SECOND)
    _sweep(now + HOUR)

    assert (Submission.objects.count(), Collection.objects.count()) == (1, 1)


def test_sweeping_twice_before_the_worker_comes_asks_once(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    assert [hand_in_for_those_who_forgot(now=now + SECOND) for _ in range(2)] == [1, 0]


def test_copy_as_it_was_given_out_is_not_submitted(assignment: Assignment, now: datetime) -> None:
    _fetched(assignment, member(assignment.course, "bob"), now - HOUR)

    _sweep(now + SECOND)

    assert not Submission.objects.exists()
    assert Collection.objects.get().failure_code == "copy_untouched"


def test_copy_that_was_only_run_is_not_submitted(assignment: Assignment, now: datetime) -> None:
    bob = member(assignment.course, "bob")
    _fetched(assignment, bob, now - HOUR)
    _write(assignment, bob, json.dumps(json.loads(EMPTY_NOTEBOOK) | {"metadata": {"a": 1}}).encode())

    _sweep(now + SECOND)

    assert Collection.objects.get().failure_code == "copy_untouched"


def test_copy_with_nothing_new_but_feedback_is_not_submitted(assignment: Assignment, now: datetime) -> None:
    bob = member(assignment.course, "bob")
    _fetched(assignment, bob, now - HOUR)
    _write(assignment, bob, b"<html>", path="feedback/2026-01-01 10:00:00 UTC/problem1.html")

    _sweep(now + SECOND)

    assert Collection.objects.get().failure_code == "copy_untouched"


def test_what_came_to_nothing_is_not_tried_for_ever(assignment: Assignment, now: datetime) -> None:
    _fetched(assignment, member(assignment.course, "bob"), now - HOUR)
    _sweep(now + SECOND)

    assert hand_in_for_those_who_forgot(now=now + HOUR) == 0


def test_date_that_was_moved_asks_again(assignment: Assignment, now: datetime) -> None:
    bob = member(assignment.course, "bob")
    _fetched(assignment, bob, now - HOUR)
    _sweep(now + SECOND)
    assignment.due_at = now + HOUR
    assignment.save()
    _write(assignment, bob, _answered("late"))

    _sweep(now + HOUR + SECOND)

    assert Submission.objects.get().membership == bob


def test_copy_that_was_fetched_after_it_was_due_is_not_submitted(assignment: Assignment, now: datetime) -> None:
    _working(assignment, "late", now + timedelta(minutes=5))

    assert hand_in_for_those_who_forgot(now=now + HOUR) == 0


@pytest.mark.parametrize(
    "change",
    [{"is_submitted_at_deadline": False}, {"due_at": None}, {"release": None}, {"deleted_at": datetime.max}],
    ids=["not wanted", "not due", "withdrawn", "taken away"],
)
def test_assignment_that_is_not_to_be_submitted_is_left_alone(
    assignment: Assignment, ada: Membership, now: datetime, change: dict[str, object]
) -> None:
    change = {name: now if value == datetime.max else value for name, value in change.items()}
    Assignment.objects.update(**change)

    assert hand_in_for_those_who_forgot(now=now + HOUR) == 0


def test_class_that_is_over_is_left_alone(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assignment.course.archived_at = now
    assignment.course.save()

    assert hand_in_for_those_who_forgot(now=now + HOUR) == 0


def test_who_has_left_or_teaches_is_left_alone(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _working(assignment, "teacher", now - HOUR, Role.TEACHER)
    ada.left_at = now
    ada.save()

    assert hand_in_for_those_who_forgot(now=now + HOUR) == 0


def test_questions_do_not_grow_with_the_class(
    assignment: Assignment, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for name in ("a", "b", "c", "d"):
        _fetched(assignment, member(assignment.course, name), now - HOUR)
    _sweep(now + SECOND)

    with django_assert_max_num_queries(3):
        hand_in_for_those_who_forgot(now=now + HOUR)


def test_page_says_that_it_was_submitted_for_them(
    client: Client, assignment: Assignment, ada: Membership, now: datetime
) -> None:
    _sweep(now + SECOND)
    client.force_login(ada.person)

    page = client.get(f"/classes/{assignment.course.slug}/assignments/{assignment.name}/")

    assert "your copy was submitted for you" in page.content.decode()


def _sweep(now: datetime) -> None:
    hand_in_for_those_who_forgot(now=now)
    for collection in Collection.objects.filter(state=Collection.State.WAITING):
        carry_out_collection(collection, now=now)


def _working(assignment: Assignment, username: str, at: datetime, role: Role = Role.STUDENT) -> Membership:
    membership = member(assignment.course, username, role)
    _fetched(assignment, membership, at)
    _write(assignment, membership, _answered(username))
    return membership


def _fetched(assignment: Assignment, membership: Membership, at: datetime) -> Fetch:
    fetch = ask_fetch(assignment, membership, now=at)
    carry_out_fetch(fetch, now=at)
    return fetch


def _answered(words: str) -> bytes:
    cell = {"cell_type": "markdown", "metadata": {}, "source": words}
    return json.dumps(json.loads(EMPTY_NOTEBOOK) | {"cells": [cell]}).encode()


def _write(assignment: Assignment, membership: Membership, content: bytes, *, path: str = "problem1.ipynb") -> None:
    home = home_of(membership.person)
    assert home is not None
    entry = Entry(PurePosixPath(path), size=len(content), content=[content])
    volume_store().write(home.key, folder_of(assignment), pack([entry]), max_bytes=100_000)
