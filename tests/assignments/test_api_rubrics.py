"""Rubrics and comments over the API: told, changed for everybody, chosen for one, said and kept."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import Place, comment, give_points, take_lease, toggle_item
from assignments.grading.rubrics import add_item, chosen_of, retire_item, save_comment
from assignments.models import Assignment, CellComment, CellLease, Grade, RubricItem, SavedComment, Submission
from classes.models import Role
from tests.assignments.marked import ESSAY, PROOF, graded, to_be_graded
from tests.environments.api_client import program_of, queries_of
from tests.factories import CourseFactory, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

AT_ESSAY = {"notebook": "problem1", "cell": "essay"}


@pytest.fixture
def assignment(teacher: User) -> Assignment:
    """One that people grade, of a class with somebody in each role."""
    course = CourseFactory.create(owner=teacher, slug="stats")
    for name, role in (("grader", Role.GRADER), ("teacher", Role.TEACHER)):
        member(course, name, role)
    return to_be_graded(course=course, name="given")


@pytest.fixture
def grader(assignment: Assignment) -> User:
    """Of its class."""
    return User.objects.get(username="grader")


@pytest.fixture
def submission(assignment: Assignment, now: datetime) -> Submission:
    """Ada's, whose tests gave two points of twelve, and which waits for a person."""
    return graded(assignment, member(assignment.course, "ada"), now=now)


@pytest.fixture
def clear(assignment: Assignment, now: datetime) -> RubricItem:
    """An item of the essay that is worth a point."""
    return add_item(assignment, ESSAY, label="Clear", points=Decimal(1), now=now)


@pytest.fixture
def program(teacher: User) -> APIClient:
    """A teacher's."""
    return program_of(teacher)


@pytest.fixture
def graders(grader: User) -> APIClient:
    """A grader's program."""
    return program_of(grader)


@pytest.fixture
def rubric(assignment: Assignment) -> str:
    """Where it stands."""
    return f"/api/v1/assignments/{assignment.pk}/rubric/"


@pytest.fixture
def chosen(submission: Submission) -> str:
    """Where items are chosen for the submission."""
    return f"/api/v1/submissions/{submission.pk}/rubric/"


@pytest.fixture
def comments(submission: Submission) -> str:
    """Where something is said of the submission."""
    return f"/api/v1/submissions/{submission.pk}/comments/"


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def points_of(submission: Submission) -> Decimal | None:
    return Grade.objects.get(submission=submission).points


# --- The rubric --------------------------------------------------------------------------------------------


def test_rubric_is_told_with_what_is_offered_no_more(
    graders: APIClient, assignment: Assignment, clear: RubricItem, rubric: str, now: datetime
) -> None:
    old = add_item(assignment, PROOF, label="Old", points=Decimal("-0.5"), now=now)
    retire_item(old, now=now)

    found = graders.get(rubric).json()["results"]

    told = [(one["label"], one["cell"], one["points"], bool(one["retired_at"])) for one in found]
    assert told == [("Clear", "essay", 1.0, False), ("Old", "proof", -0.5, True)]
    assert [one["id"] for one in graders.get(f"{rubric}?cell=essay").json()["results"]] == [str(clear.pk)]


def test_rubric_asks_as_much_for_few_as_for_many(
    program: APIClient, assignment: Assignment, clear: RubricItem, rubric: str, now: datetime
) -> None:
    program.get(rubric)  # The first asks whose the token is, too.
    few = queries_of(program, rubric)
    for number in range(5):
        add_item(assignment, ESSAY, label=f"Item {number}", points=Decimal(1), now=now)

    assert queries_of(program, rubric) == few


def test_item_is_added(graders: APIClient, assignment: Assignment, rubric: str) -> None:
    added = graders.post(rubric, {**AT_ESSAY, "label": "Clear", "points": 1.5}, format="json")

    item = RubricItem.objects.get()
    assert (added.status_code, added.json()["item"]["id"], added.json()["effects"]) == (201, str(item.pk), [])
    assert (item.assignment, item.grade_id, item.points) == (assignment, "essay", Decimal("1.5"))


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ({"cell": "nothing"}, (404, "cell_unknown")),
        ({"notebook": "problem2"}, (404, "cell_unknown")),
        ({"label": " "}, (400, "invalid")),
        ({"points": 10_001}, (400, "invalid")),
        ({"points": "NaN"}, (400, "invalid")),
        ({"position": 3}, (400, "invalid")),
    ],
)
def test_item_that_says_nothing_or_is_of_nothing_is_refused(
    program: APIClient, rubric: str, sent: dict[str, Any], answer: tuple[int, str]
) -> None:
    refused = program.post(rubric, {**AT_ESSAY, "label": "Clear", "points": 1, **sent}, format="json")

    assert (code_of(refused), RubricItem.objects.count()) == (answer, 0)


def test_change_of_an_item_changes_grades_of_before(
    program: APIClient, submission: Submission, clear: RubricItem, teacher: User, rubric: str, now: datetime
) -> None:
    toggle_item(submission, clear, by=teacher, now=now, seen=0)
    publish_grades(submission.assignment, None, by=teacher, now=now)

    changed = program.patch(f"{rubric}{clear.pk}/", {"points": 2.5}, format="json").json()

    assert (changed["item"]["label"], changed["item"]["points"], changed["is_trial"]) == ("Clear", 2.5, False)
    assert changed["effects"] == [
        {"submission": str(submission.pk), "points": 3.0, "new_points": 4.5, "is_published": True}
    ]
    assert points_of(submission) == Decimal("4.5")


@pytest.mark.parametrize("method", ["post", "patch", "delete"])
def test_trial_tells_what_would_change_and_changes_nothing(
    program: APIClient,
    assignment: Assignment,
    submission: Submission,
    teacher: User,
    rubric: str,
    now: datetime,
    method: str,
) -> None:
    gain = add_item(assignment, ESSAY, label="Something", points=Decimal(1), now=now)
    loss = add_item(assignment, ESSAY, label="Short", points=Decimal(-1), now=now)
    toggle_item(submission, loss, by=teacher, now=now, seen=0)
    if method == "post":  # What only takes away begins with full points, until something is added.
        retire_item(gain, now=now)
    path = f"{rubric}?is_trial=true" if method == "post" else f"{rubric}{gain.pk}/?is_trial=true"
    sent = {"post": {**AT_ESSAY, "label": "Clear", "points": 1}, "patch": {"points": -2}, "delete": None}[method]
    before = [points_of(submission), *RubricItem.objects.values_list("points", "retired_at")]

    tried = getattr(program, method)(path, sent, format="json")

    assert (tried.status_code, tried.json()["is_trial"]) == (200, True)
    assert len(tried.json()["effects"]) == 1
    assert (tried.json()["item"]["id"] is None) == (method == "post")
    assert [points_of(submission), *RubricItem.objects.values_list("points", "retired_at")] == before


def test_item_that_is_removed_is_offered_no_more_and_counts_where_it_was_chosen(
    program: APIClient, submission: Submission, clear: RubricItem, teacher: User, rubric: str, now: datetime
) -> None:
    toggle_item(submission, clear, by=teacher, now=now, seen=0)

    removed = program.delete(f"{rubric}{clear.pk}/").json()

    assert (bool(removed["item"]["retired_at"]), removed["effects"]) == (True, [])
    assert points_of(submission) == 3


# --- Choosing ----------------------------------------------------------------------------------------------


def test_item_is_chosen_once_and_taken_back(
    graders: APIClient, submission: Submission, clear: RubricItem, chosen: str
) -> None:
    sent = {"item": str(clear.pk), "seen": 0}
    first, again = (graders.post(chosen, sent, format="json").json() for _twice in range(2))

    back = graders.post(chosen, {**sent, "is_chosen": False, "seen": first["seen"]}, format="json").json()

    assert (first["points"], first["items"], first["origin"]) == (1.0, [str(clear.pk)], "rubric")
    assert again == first
    assert (back["items"], back["needs_manual"]) == ([], True)
    assert not CellLease.objects.exists()


def test_cells_tell_what_was_chosen(
    graders: APIClient, submission: Submission, clear: RubricItem, grader: User, now: datetime
) -> None:
    toggle_item(submission, clear, by=grader, now=now, seen=0)

    cells = graders.get(f"/api/v1/submissions/{submission.pk}/cells/").json()

    assert {cell["cell"]: cell["items"] for cell in cells} == {"essay": [str(clear.pk)], "proof": [], "test-sum": []}


def test_item_is_not_chosen_where_somebody_else_grades_or_has(
    graders: APIClient, submission: Submission, clear: RubricItem, teacher: User, chosen: str, now: datetime
) -> None:
    sent = {"item": str(clear.pk), "seen": 0}
    take_lease(Place(submission.pk, ESSAY), by=teacher, now=timezone.now())
    held = graders.post(chosen, sent, format="json")
    CellLease.objects.all().delete()
    give_points(submission, ESSAY, Decimal(3), by=teacher, now=now, seen=0)
    CellLease.objects.all().delete()

    changed = graders.post(chosen, sent, format="json")

    assert [code_of(held), code_of(changed)] == [(409, "cell_held"), (409, "cell_changed")]
    assert chosen_of(submission, ESSAY) == set()


def test_item_that_is_retired_or_of_another_assignment_is_not_chosen(
    graders: APIClient, submission: Submission, clear: RubricItem, chosen: str, now: datetime
) -> None:
    other = add_item(to_be_graded(course=submission.assignment.course), ESSAY, label="X", points=Decimal(1), now=now)
    retire_item(clear, now=now)

    answers = [graders.post(chosen, {"item": str(item.pk), "seen": 0}, format="json") for item in (clear, other)]

    assert [code_of(answer) for answer in answers] == [(409, "rubric_item_retired"), (404, "not_found")]


# --- Comments ----------------------------------------------------------------------------------------------


def test_comment_is_said_changed_and_taken_back(
    graders: APIClient, submission: Submission, comments: str, grader: User
) -> None:
    said = graders.post(comments, {**AT_ESSAY, "text": "Why?"}, format="json")
    place = f"{comments}{said.json()['id']}/"
    changed = graders.patch(place, {"text": "Say why."}, format="json").json()
    listed = graders.get(f"{comments}?cell=essay").json()["results"]
    others = graders.get(f"{comments}?cell=proof").json()["results"]

    gone = graders.delete(place)

    assert (said.status_code, said.json()["by"], said.json()["changed_at"]) == (201, grader.get_full_name(), None)
    assert (changed["text"], bool(changed["changed_at"])) == ("Say why.", True)
    assert (listed, others) == ([changed], [])
    assert (gone.status_code, CellComment.objects.exists()) == (204, False)


@pytest.mark.parametrize("cell", ["", "intro", "test-sum"])
def test_comment_is_said_of_any_cell_and_of_the_whole_notebook(graders: APIClient, comments: str, cell: str) -> None:
    said = graders.post(comments, {"notebook": "problem1", "cell": cell, "text": "Good."}, format="json")

    assert (said.status_code, said.json()["cell"]) == (201, cell)


def test_kept_comment_is_said_and_counted(
    graders: APIClient, submission: Submission, comments: str, teacher: User, now: datetime
) -> None:
    kept = save_comment(submission.assignment.course, text="Say why.", by=teacher, now=now)
    elsewhere = save_comment(CourseFactory.create(), text="Not here.", by=teacher, now=now)

    said = graders.post(comments, {**AT_ESSAY, "saved_comment": str(kept.pk)}, format="json")
    strange = graders.post(comments, {**AT_ESSAY, "saved_comment": str(elsewhere.pk)}, format="json")

    assert said.json()["text"] == "Say why."
    assert code_of(strange) == (404, "not_found")
    assert SavedComment.objects.get(pk=kept.pk).uses == 1


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ({"notebook": "problem2"}, (404, "cell_unknown")),
        ({"cell": "nothing"}, (404, "cell_unknown")),
        ({"text": " "}, (400, "invalid")),
        ({"text": "x" * 10_001}, (400, "invalid")),
        ({"saved_comment": "00000000-0000-4000-8000-000000000000"}, (400, "invalid")),
    ],
)
def test_comment_on_nothing_or_that_says_nothing_is_refused(
    graders: APIClient, comments: str, sent: dict[str, Any], answer: tuple[int, str]
) -> None:
    refused = graders.post(comments, {**AT_ESSAY, "text": "Why?", **sent}, format="json")

    assert (code_of(refused), CellComment.objects.count()) == (answer, 0)


def test_comment_of_another_is_theirs(
    graders: APIClient, submission: Submission, comments: str, teacher: User, now: datetime
) -> None:
    theirs = comment(submission, notebook="problem1", cell="essay", text="Why?", by=teacher, now=now)

    answers = [
        graders.patch(f"{comments}{theirs.pk}/", {"text": "No."}, format="json"),
        graders.delete(f"{comments}{theirs.pk}/"),
    ]

    assert [code_of(answer) for answer in answers] == [(403, "comment_of_another")] * 2
    assert CellComment.objects.get().text == "Why?"


def test_nothing_is_said_of_what_somebody_else_grades_now(
    graders: APIClient, submission: Submission, comments: str, teacher: User, grader: User, now: datetime
) -> None:
    own = comment(submission, notebook="problem1", cell="essay", text="Why?", by=grader, now=now)
    take_lease(Place(submission.pk, ESSAY), by=teacher, now=timezone.now())

    answers = [
        graders.post(comments, {**AT_ESSAY, "text": "And why?"}, format="json"),
        graders.patch(f"{comments}{own.pk}/", {"text": "No."}, format="json"),
        graders.delete(f"{comments}{own.pk}/"),
    ]
    elsewhere = graders.post(comments, {"notebook": "problem1", "cell": "proof", "text": "Good."}, format="json")

    assert [code_of(answer) for answer in answers] == [(409, "cell_held")] * 3
    assert elsewhere.status_code == 201


def test_own_lease_stays_where_one_says_something(
    graders: APIClient, submission: Submission, comments: str, grader: User
) -> None:
    take_lease(Place(submission.pk, ESSAY), by=grader, now=timezone.now())

    graders.post(comments, {**AT_ESSAY, "text": "Why?"}, format="json")

    assert CellLease.objects.get().holder == grader


def test_comments_are_kept_once_and_those_used_most_come_first(
    graders: APIClient, program: APIClient, submission: Submission, comments: str
) -> None:
    bank = "/api/v1/courses/stats/comments/"
    kept = [program.post(bank, {"text": "Say why."}, format="json").json()["id"] for _twice in range(2)]

    for _twice in range(2):
        graders.post(comments, {**AT_ESSAY, "text": "Well done.", "keep": True}, format="json")

    assert kept[0] == kept[1]
    assert [one["text"] for one in graders.get(bank).json()["results"]] == ["Well done.", "Say why."]


def test_kept_comment_is_changed_and_removed_and_given_ones_stay(
    graders: APIClient, grader: User, submission: Submission, comments: str, now: datetime
) -> None:
    kept = save_comment(submission.assignment.course, text="Say why.", by=grader, now=now)
    one = f"/api/v1/courses/stats/comments/{kept.pk}/"
    graders.post(comments, {**AT_ESSAY, "saved_comment": str(kept.pk)}, format="json")

    changed = graders.patch(one, {"text": " Say why not. "}, format="json")
    removed = graders.delete(one)

    assert (changed.status_code, changed.json()["text"], changed.json()["uses"]) == (200, "Say why not.", 1)
    assert changed.json()["kept_by"] == grader.get_full_name()
    assert (removed.status_code, SavedComment.objects.count()) == (204, 0)
    assert CellComment.objects.get().text == "Say why."


def test_kept_comment_of_another_is_for_teachers_to_change(
    graders: APIClient, program: APIClient, teacher: User, submission: Submission, now: datetime
) -> None:
    course = submission.assignment.course
    kept = save_comment(course, text="Say why.", by=teacher, now=now)
    of_grader = save_comment(course, text="Say how.", by=User.objects.get(username="grader"), now=now)
    place = "/api/v1/courses/stats/comments/"

    refused = [
        graders.patch(f"{place}{kept.pk}/", {"text": "No."}, format="json"),
        graders.delete(f"{place}{kept.pk}/"),
    ]
    changed = program.patch(f"{place}{of_grader.pk}/", {"text": "How?"}, format="json")

    assert [code_of(answer) for answer in refused] == [(403, "comment_kept_by_another")] * 2
    assert changed.status_code == 200
    assert set(SavedComment.objects.values_list("text", flat=True)) == {"Say why.", "How?"}


def test_kept_comments_are_never_the_same_nor_of_another_class(
    program: APIClient, teacher: User, submission: Submission, now: datetime
) -> None:
    kept, _other = (
        save_comment(submission.assignment.course, text=text, by=teacher, now=now) for text in ("Say why.", "Say how.")
    )
    elsewhere = save_comment(CourseFactory.create(owner=teacher), text="Say how.", by=teacher, now=now)
    place = "/api/v1/courses/stats/comments/"

    answers = [
        program.patch(f"{place}{kept.pk}/", {"text": "Say how."}, format="json"),
        program.patch(f"{place}{kept.pk}/", {"text": "Say why."}, format="json"),
        program.patch(f"{place}{elsewhere.pk}/", {"text": "Why?"}, format="json"),
    ]

    assert [answer.status_code for answer in answers] == [409, 200, 404]
    assert code_of(answers[0]) == (409, "comment_kept_already")


def test_class_that_is_over_takes_nothing(
    program: APIClient, submission: Submission, clear: RubricItem, rubric: str, chosen: str, comments: str
) -> None:
    kept = save_comment(
        submission.assignment.course, text="Say why.", by=submission.assignment.course.owner, now=timezone.now()
    )
    submission.assignment.course.archived_at = timezone.now()
    submission.assignment.course.save()

    answers = [
        program.post(rubric, {**AT_ESSAY, "label": "New", "points": 1}, format="json"),
        program.patch(f"{rubric}{clear.pk}/", {"points": 2}, format="json"),
        program.delete(f"{rubric}{clear.pk}/"),
        program.post(chosen, {"item": str(clear.pk), "seen": 0}, format="json"),
        program.post(comments, {**AT_ESSAY, "text": "Why?"}, format="json"),
        program.post("/api/v1/courses/stats/comments/", {"text": "Why?"}, format="json"),
        program.patch(f"/api/v1/courses/stats/comments/{kept.pk}/", {"text": "Why?"}, format="json"),
        program.delete(f"/api/v1/courses/stats/comments/{kept.pk}/"),
    ]

    assert [code_of(answer) for answer in answers] == [(409, "course_over")] * 8
