"""Students read what came of what they submitted: once it is published, theirs only, and nothing that is hidden."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assignments import artefacts
from assignments.deadlines import LateRule
from assignments.files import Bundle, File
from assignments.grading.gradebook import change_points, publish_grades, refold, take_over
from assignments.grading.marking import change_comment, comment
from assignments.grading.points import CellKey, ChangeKind
from assignments.grading.rubrics import add_item, change_item, choose, retire_item
from assignments.models import Assignment, Autograding, CellComment, Feedback, RubricItem, Submission, Way
from assignments.submitting.submissions import receive
from classes.models import Membership, Role
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

SECRET = "assert solve(2) == 'hidden-forty-two'"
TRACEBACK = f"----> 2 {SECRET}\nAssertionError: the secret message"
HOSTILE = "<script>alert('from a student')</script>"
ANSWER = CellKey("problem1", "answer")


@pytest.fixture
def assignment() -> Assignment:
    """One with an answer and tests, some of which are hidden."""
    assignment = AssignmentFactory.create(name="given")
    cells = [("problem1", "answer", "manual", 3), ("problem1", "tests", "tests", 2)]
    released(assignment, cells=cells, problem1=_notebook("assert solve(1) == 1", outputs=[]))
    return assignment


@pytest.fixture
def teacher(assignment: Assignment) -> Membership:
    """Of its class."""
    return member(assignment.course, "teacher", Role.TEACHER)


@pytest.fixture
def ada(assignment: Assignment) -> Membership:
    """A student of its class."""
    return member(assignment.course, "ada")


@pytest.fixture
def submission(assignment: Assignment, ada: Membership, now: datetime) -> Submission:
    """Hers, graded by its tests."""
    return _graded(assignment, ada, now)


@pytest.fixture
def published(submission: Submission, teacher: Membership, now: datetime) -> Submission:
    """The same, after it was published."""
    publish_grades(submission.assignment, None, by=teacher.person, now=now, message="Well done")
    return submission


def test_feedback_before_publishing_is_not_there(client: Client, submission: Submission) -> None:
    assert _page(client, submission, "ada", status=404) == ""


def test_feedback_of_another_is_not_there(client: Client, assignment: Assignment, published: Submission) -> None:
    member(assignment.course, "eve")

    assert _page(client, published, "eve", status=404) == ""


def test_feedback_says_points_comments_and_the_message(
    client: Client, submission: Submission, teacher: Membership, now: datetime
) -> None:
    CellComment.objects.create(
        submission=submission, notebook="problem1", cell="answer", text="See page 7", by=teacher.person, at=now
    )
    change_points(submission, kind=ChangeKind.MANUAL, points=Decimal("2.5"), cell=ANSWER, by=teacher.person, now=now)
    publish_grades(submission.assignment, None, by=teacher.person, now=now, message="Well done")

    page = _page(client, submission, "ada")

    assert [words for words in ("2.5 / 3", "1 / 2", "3.5 / 5", "See page 7", "Well done") if words not in page] == []


def test_feedback_tells_nothing_that_was_changed_since(
    client: Client, published: Submission, teacher: Membership, now: datetime
) -> None:
    later = now + timedelta(minutes=1)
    CellComment.objects.create(submission=published, notebook="problem1", cell="answer", text="Not yet", at=later)
    change_points(published, kind=ChangeKind.MANUAL, points=Decimal(3), cell=ANSWER, by=teacher.person, now=later)

    page = _page(client, published, "ada")

    assert "0 / 3" in page
    assert "Not yet" not in page


@pytest.mark.parametrize("place", ["feedback/", "feedback/problem1.html"])
def test_feedback_tells_nothing_of_a_rubric_that_was_changed_since(
    client: Client, submission: Submission, teacher: Membership, ada: Membership, now: datetime, place: str
) -> None:
    item = add_item(submission.assignment, ANSWER, label="Fine", points=Decimal("1.5"), now=now)
    choose(submission, item, is_chosen=True, by=teacher.person, now=now)
    publish_grades(submission.assignment, None, by=teacher.person, now=now)
    change_item(item, label="Superb", points=Decimal("2.75"), now=now + timedelta(minutes=1))
    client.force_login(ada.person)

    page = client.get(_place(submission) + place).content.decode()

    assert [words for words in ("1.5 / 3", "2.5 / 5", "Fine") if words not in page] == []
    assert [words for words in ("2.75", "3.75", "Superb") if words in page] == []


def test_feedback_tells_nothing_of_what_begins_full_since(
    client: Client, submission: Submission, teacher: Membership, now: datetime
) -> None:
    add_item(submission.assignment, ANSWER, label="Fine", points=Decimal(1), now=now)
    wrong = add_item(submission.assignment, ANSWER, label="Wrong", points=Decimal(-1), now=now)
    choose(submission, wrong, is_chosen=True, by=teacher.person, now=now)
    publish_grades(submission.assignment, None, by=teacher.person, now=now)
    retire_item(RubricItem.objects.get(label="Fine"), now=now + timedelta(minutes=1))

    page = _page(client, submission, "ada")

    assert "0 / 3" in page
    assert "2 / 3" not in page


def test_feedback_says_what_lateness_cost_when_it_was_published(
    client: Client, submission: Submission, teacher: Membership, now: datetime
) -> None:
    _due(submission.assignment, now - timedelta(hours=1))
    publish_grades(submission.assignment, None, by=teacher.person, now=now)
    _due(submission.assignment, now)

    page = _page(client, submission, "ada")

    assert "0.5 / 5" in page
    assert "−0.5" in page


def test_changed_comment_is_told_in_its_former_words(
    client: Client, submission: Submission, teacher: Membership, now: datetime
) -> None:
    said = comment(submission, notebook="problem1", cell="answer", text="Too short", by=teacher.person, now=now)
    publish_grades(submission.assignment, None, by=teacher.person, now=now)
    change_comment(said, text="Copied", by=teacher.person, now=now + timedelta(minutes=1))

    page = _page(client, submission, "ada")

    assert "Too short" in page
    assert "Copied" not in page


def test_what_was_changed_is_told_once_it_is_published_again(
    client: Client, submission: Submission, teacher: Membership, now: datetime
) -> None:
    later = now + timedelta(minutes=1)
    item = add_item(submission.assignment, ANSWER, label="Fine", points=Decimal("1.5"), now=now)
    choose(submission, item, is_chosen=True, by=teacher.person, now=now)
    publish_grades(submission.assignment, None, by=teacher.person, now=now)
    change_item(item, label="Superb", points=Decimal("1.5"), now=later)

    told = publish_grades(submission.assignment, None, by=teacher.person, now=later)

    assert len(told) == 1
    assert "Superb" in _page(client, submission, "ada")


def test_feedback_of_before_its_terms_were_kept_is_told(client: Client, published: Submission) -> None:
    Feedback.objects.update(terms=None)

    assert "1 / 5" in _page(client, published, "ada")


def test_file_that_is_called_like_an_ending_only_is_no_notebook(
    client: Client, submission: Submission, teacher: Membership, now: datetime
) -> None:
    ran = Bundle((File(".ipynb", EMPTY_NOTEBOOK), File("problem1.ipynb", EMPTY_NOTEBOOK)))
    Autograding.objects.update(bundle=artefacts.keep(ran.tar))
    publish_grades(submission.assignment, None, by=teacher.person, now=now)

    assert "problem1" in _page(client, submission, "ada")


def test_page_says_whose_feedback_it_is_to_those_who_teach(
    client: Client, published: Submission, teacher: Membership, ada: Membership
) -> None:
    heads = []
    for reader in (teacher, ada):
        client.force_login(reader.person)
        heads.append(client.get(_place(published) + "feedback/").text.split("<h1>")[1].split("</h1>")[0])

    assert [ada.person.get_full_name() in head for head in heads] == [True, False]


def test_hidden_tests_are_kept_back(client: Client, published: Submission) -> None:
    page = _page(client, published, "ada")

    assert "hidden-forty-two" not in page
    assert "the secret message" not in page
    assert "1 / 2" in page


def test_tests_of_which_nothing_is_seen_tell_no_points(client: Client, published: Submission) -> None:
    Assignment.objects.update(hidden_tests="never")

    page = _page(client, published, "ada")

    assert "hidden-forty-two" not in page
    assert "1 / 2" not in page


def test_hidden_tests_are_shown_where_they_may_be(client: Client, published: Submission) -> None:
    Assignment.objects.update(hidden_tests="shown")

    assert "hidden-forty-two" in _page(client, published, "ada")


@pytest.mark.parametrize(("days", "is_shown"), [(-1, True), (1, False)], ids=["after", "before"])
def test_hidden_tests_are_shown_from_their_date_on(
    client: Client, published: Submission, days: int, is_shown: bool
) -> None:
    Assignment.objects.update(hidden_tests="later", hidden_tests_from=timezone.now() + timedelta(days=days))

    page = _page(client, published, "ada")

    assert ("hidden-forty-two" in page) is is_shown
    assert ("shown in full from" in page) is not is_shown


def test_release_that_cannot_be_compared_gives_nothing_away(client: Client, published: Submission) -> None:
    published.release.bundle = artefacts.keep(Bundle((File("other.ipynb", EMPTY_NOTEBOOK),)).tar)
    published.release.save()

    page = _page(client, published, "ada")

    assert "hidden-forty-two" not in page
    assert "cannot be shown here" in page


def test_nothing_of_a_student_runs(client: Client, published: Submission) -> None:
    page = _page(client, published, "ada")

    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "onerror" not in page


def test_file_of_a_notebook_can_run_and_reach_nothing(client: Client, published: Submission, ada: Membership) -> None:
    client.force_login(ada.person)

    answer = client.get(_place(published) + "feedback/problem1.html")

    page, policy = answer.content.decode(), answer["Content-Security-Policy"]
    assert answer["Content-Disposition"] == 'attachment; filename="given-1-problem1.html"'
    assert "default-src 'none'" in policy
    assert policy.endswith("; sandbox")
    assert '<meta http-equiv="Content-Security-Policy" content="default-src &#x27;none&#x27;' in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "hidden-forty-two" not in page
    assert "Well done" in page


@pytest.mark.parametrize(("role", "is_named"), [(Role.GRADER, False), (Role.TEACHER, True)])
def test_file_names_nobody_to_those_who_grade_without_names(
    client: Client, assignment: Assignment, published: Submission, role: Role, is_named: bool
) -> None:
    Assignment.objects.update(is_anonymous=True)
    client.force_login(member(assignment.course, "reader", role).person)

    page = client.get(_place(published) + "feedback/problem1.html").content.decode()

    assert ("Ada" in page) is is_named


@pytest.mark.parametrize("notebook", ["other", "..%2Fproblem1"])
def test_file_of_no_notebook_is_not_there(
    client: Client, published: Submission, ada: Membership, notebook: str
) -> None:
    client.force_login(ada.person)

    assert client.get(_place(published) + f"feedback/{notebook}.html").status_code == 404


def test_file_is_not_there_before_publishing(client: Client, submission: Submission, ada: Membership) -> None:
    client.force_login(ada.person)

    assert client.get(_place(submission) + "feedback/problem1.html").status_code == 404


def test_page_of_feedback_lets_no_script_of_a_student_run(
    client: Client, published: Submission, ada: Membership
) -> None:
    client.force_login(ada.person)

    policy = client.get(_place(published) + "feedback/")["Content-Security-Policy"]

    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in policy
    assert scripts.split()[1] == "'self'"
    assert "form-action 'self'" in policy
    assert "base-uri 'none'" in policy


def test_history_tells_how_points_came_about_until_they_were_published(
    client: Client, submission: Submission, teacher: Membership, now: datetime
) -> None:
    change_points(submission, kind=ChangeKind.MANUAL, points=Decimal("2.5"), cell=ANSWER, by=teacher.person, now=now)
    publish_grades(submission.assignment, None, by=teacher.person, now=now)
    later = now + timedelta(minutes=1)
    change_points(submission, kind=ChangeKind.MANUAL, points=Decimal("0.25"), cell=ANSWER, by=teacher.person, now=later)

    page = _page(client, submission, "ada")

    history = page[page.index("How these points came about") :]
    assert "problem1 · answer" in history
    assert "2.5" in history
    assert "0.25" not in history


def test_history_tells_nothing_of_tests_of_which_nothing_is_seen(client: Client, published: Submission) -> None:
    Assignment.objects.update(hidden_tests="never")

    assert "problem1 · tests" not in _page(client, published, "ada")


def test_reading_is_noted_of_the_student_only(client: Client, published: Submission, teacher: Membership) -> None:
    _page(client, published, "teacher")
    assert Feedback.objects.get().read_at is None

    _page(client, published, "ada")

    assert Feedback.objects.get().read_at is not None


def test_pages_of_the_student_say_that_it_came_back(client: Client, published: Submission, ada: Membership) -> None:
    client.force_login(ada.person)
    place = f"/classes/{published.assignment.course.slug}/assignments/"

    pages = [client.get(place + name).content.decode() for name in ("", "given/")]

    assert all("1 / 5" in page and "came back" in page for page in pages)
    assert f"submissions/{published.pk}/feedback/" in pages[1]


def test_pages_of_the_student_say_nothing_before(client: Client, submission: Submission, ada: Membership) -> None:
    client.force_login(ada.person)
    place = f"/classes/{submission.assignment.course.slug}/assignments/"

    pages = [client.get(place + name).content.decode() for name in ("", "given/")]

    assert not any("1 / 5" in page or "came back" in page for page in pages)


def _page(client: Client, submission: Submission, username: str, *, status: int = 200) -> str:
    course = submission.assignment.course
    client.force_login(course.memberships.get(person__username=username).person)
    response = client.get(f"/classes/{course.slug}/assignments/given/submissions/{submission.pk}/feedback/")
    assert response.status_code == status
    return response.content.decode() if status == 200 else ""


def _place(submission: Submission) -> str:
    return f"/classes/{submission.assignment.course.slug}/assignments/given/submissions/{submission.pk}/"


def _due(assignment: Assignment, at: datetime) -> None:
    assignment.due_at, assignment.late = at, LateRule(percent_per_day=50).as_json()
    assignment.save()
    for submission in assignment.submissions.all():
        refold(submission, now=at)


def _graded(assignment: Assignment, membership: Membership, now: datetime) -> Submission:
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    submission = receive(assignment, membership, bundle, way=Way.LAB, by=membership.person, now=now)
    outputs = [
        {"output_type": "error", "ename": "AssertionError", "evalue": "the secret message", "traceback": [TRACEBACK]}
    ]
    ran = Bundle((File("problem1.ipynb", _notebook(f"assert solve(1) == 1\n{SECRET}", outputs=outputs)),))
    autograding = Autograding.objects.create(
        submission=submission,
        release=submission.release,
        state=Autograding.State.DONE,
        bundle=artefacts.keep(ran.tar),
        scores=[
            {"notebook": "problem1", "grade_id": "tests", "auto_points": 1},
            {"notebook": "problem1", "grade_id": "answer", "auto_points": None},
        ],
    )
    take_over(autograding, now=now)
    submission.refresh_from_db()
    return submission


def _notebook(tests: str, *, outputs: list[dict[str, Any]]) -> bytes:
    page = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<img src=x onerror=alert(1)>"}}
    cells = [
        _cell("answer", HOSTILE, [page], solution=True),
        _cell("tests", tests, outputs, solution=False),
    ]
    return json.dumps(json.loads(EMPTY_NOTEBOOK) | {"cells": cells}).encode()


def _cell(grade_id: str, source: str, outputs: list[dict[str, Any]], *, solution: bool) -> dict[str, Any]:
    grading = {"grade_id": grade_id, "grade": True, "solution": solution, "locked": not solution, "schema_version": 3}
    return {
        "cell_type": "code",
        "id": grade_id,
        "metadata": {"nbgrader": grading},
        "source": source,
        "outputs": outputs,
        "execution_count": 1,
    }
