"""Grades reach the pretend LMS over real HTTP, whatever it does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from classes.models import Role
from lti import tasks
from lti.audit import sentence_of
from lti.keys import public_keys, rotate
from lti.models import AuditEntry, Context, LineItem, Outlet, Platform, Score
from lti.passback import sending
from tests.factories import CourseFactory
from tests.lti.campus import COURSE
from tests.lti.graded import SCORES, Lectures

State = Score.State
ANY_SCORES = f".*{SCORES}"
MAKING = r".*/lineitems"


def stamps(lectures: Lectures, username: str) -> list[datetime]:
    """The times that were sent with somebody's grades, in the order in which they were."""
    sub = lectures.campus.sub(username)
    said = [json.loads(one["body"]) for one in lectures.posts()]
    return [datetime.fromisoformat(one["timestamp"]) for one in said if one["userId"] == sub]


def test_sends_a_published_grade(lectures: Lectures) -> None:
    lectures.graded("ada", 8.5)

    lectures.send()

    assert lectures.shown("ada") == 8.5
    score = lectures.score("ada")
    assert (score.state, score.sent_points, score.sent_at) == (State.SENT, score.points, lectures.clock())


def test_sends_true_points_and_that_they_are_final(lectures: Lectures) -> None:
    lectures.graded("ada", 8.5)

    lectures.send()

    said = json.loads(lectures.posts()[0]["body"])
    assert (said["scoreGiven"], said["scoreMaximum"]) == (8.5, 10)
    assert (said["activityProgress"], said["gradingProgress"]) == ("Completed", "FullyGraded")


def test_sends_nothing_twice(lectures: Lectures) -> None:
    lectures.graded("ada")
    lectures.send()
    lectures.clock.pass_(minutes=5)

    lectures.publish()
    lectures.send()

    assert len(lectures.posts()) == 1


def test_latest_grade_wins(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    member = lectures.score("ada").grade.membership
    lectures.clock.pass_(minutes=1)
    lectures.grade(member, 9)
    lectures.publish()

    lectures.send()

    assert lectures.shown("ada") == 9
    assert len(lectures.posts()) == 1


def test_second_grade_of_the_same_second_waits_for_the_next(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.send()
    lectures.grade(lectures.score("ada").grade.membership, 9)
    lectures.publish()

    lectures.send()
    before = lectures.shown("ada")
    lectures.clock.pass_(seconds=1)
    lectures.send()

    assert (before, lectures.shown("ada")) == (5, 9)
    first, second = stamps(lectures, "ada")
    assert second - first == timedelta(seconds=1)


def test_grade_that_came_while_another_was_sent_is_sent_next(lectures: Lectures) -> None:
    score = lectures.graded("ada", 5)
    turn = sending._claimed(lectures.platform, clock=lectures.clock, jitter=lambda: 1.0)
    assert turn is not None
    score.line_item = sending._column(turn, score) or score.line_item
    sending._begun(turn, score)
    lectures.clock.pass_(seconds=2)
    lectures.grade(score.grade.membership, 9)
    lectures.publish()
    sending._taken(turn, score)
    sending._let_go(turn)

    lectures.send()

    assert lectures.shown("ada") == 9


@pytest.mark.parametrize(
    "end",
    [
        lambda: Context.objects.update(course=None),
        lambda: Platform.objects.update(state=Platform.State.DISABLED),
        lambda: LineItem.objects.all().delete(),
    ],
    ids=["disconnected", "switched off", "column left"],
)
def test_grade_that_may_not_leave_any_more_stays(lectures: Lectures, end: Callable[[], object]) -> None:
    score = lectures.graded("ada")
    turn = sending._claimed(lectures.platform, clock=lectures.clock, jitter=lambda: 1.0)
    assert turn is not None
    sending._column(turn, score)

    end()
    sending._send(turn, score)

    assert lectures.posts() == []


def test_column_that_is_left_before_it_is_looked_at_takes_nothing(lectures: Lectures) -> None:
    score = lectures.graded("ada")
    turn = sending._claimed(lectures.platform, clock=lectures.clock, jitter=lambda: 1.0)
    assert turn is not None
    LineItem.objects.all().delete()

    assert sending._column(turn, score) is None


# --- Answers -----------------------------------------------------------------------------------------------


def test_lost_answer_is_no_second_grade(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.campus.lms.do("answer", path=ANY_SCORES, status=504, lose=True, times=1)
    lectures.send()
    lectures.clock.pass_(minutes=1)

    lectures.send()

    assert [one["status"] for one in lectures.posts()] == [504, 409]
    assert lectures.score("ada").state == State.SENT
    assert len(set(stamps(lectures, "ada"))) == 1


def test_platform_with_something_newer_gets_the_present_time(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.send()
    lectures.clock.pass_(seconds=5)
    score = lectures.score("ada")
    Score.objects.filter(pk=score.pk).update(points=9, stamp=None, version=2, state=State.WAITING)

    lectures.send()
    lectures.clock.pass_(seconds=1)
    lectures.send()

    assert [one["status"] for one in lectures.posts()] == [200, 409, 200]
    assert lectures.shown("ada") == 9


def test_platform_whose_newer_grade_is_of_the_future_is_told_to_the_teacher(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.send()
    Score.objects.update(points=9, version=2, state=State.WAITING, stamp=None)
    lectures.campus.lms.do("answer", path=ANY_SCORES, status=409)

    for _try in range(sending.OUTDATED_TRIES + 1):
        lectures.clock.pass_(minutes=11)
        lectures.send()

    score = lectures.score("ada")
    assert (score.state, score.failure_code) == (State.REFUSED, "grade_outdated")


def test_open_edx_says_400_for_the_same_time(lectures: Lectures) -> None:
    lectures.campus.lms.do("quirk", stale_status=400)
    lectures.graded("ada", 8)
    lectures.campus.lms.do("answer", path=ANY_SCORES, status=502, lose=True, times=1)
    lectures.send()
    lectures.clock.pass_(minutes=1)

    lectures.send()

    assert [one["status"] for one in lectures.posts()] == [502, 400]
    assert lectures.score("ada").state == State.SENT


def test_one_who_cannot_have_grades_stops_nobody_else(lectures: Lectures) -> None:
    lectures.grade(lectures.student("gone", sub="9999"), 3)
    lectures.grade(lectures.student("ada"), 8)
    lectures.publish()

    lectures.send()

    assert lectures.shown("ada") == 8
    refused = lectures.score("gone")
    assert (refused.state, refused.failure_code) == (State.REFUSED, "grade_refused")
    assert refused.failure is not None
    assert "Pretend University" in refused.failure.sentence


def test_suspended_student_has_their_grade(lectures: Lectures) -> None:
    lectures.campus.lms.do("enrol", course=COURSE, username="ada", is_suspended=True)
    lectures.graded("ada", 8)

    lectures.send()

    assert lectures.score("ada").state == State.SENT


def test_locked_grade_is_told_to_the_teacher_after_some_tries(lectures: Lectures) -> None:
    made = lectures.link()
    lectures.campus.lms.do("lock", column=_column_number(lectures, made["line_item"]), username="ada")
    lectures.grade(lectures.student("ada"), 8)
    lectures.grade(lectures.student("ben"), 7)
    lectures.publish()

    for _try in range(sending.LOCKED_TRIES + 2):
        lectures.send()
        lectures.clock.pass_(minutes=11)

    score = lectures.score("ada")
    assert (score.state, score.failure_code) == (State.REFUSED, "grade_locked")
    assert len(lectures.posts()) == sending.LOCKED_TRIES + 1
    assert lectures.shown("ben") == 7


def test_locked_column_is_not_asked_for_every_student(lectures: Lectures) -> None:
    made = lectures.link()
    lectures.campus.lms.do("lock", column=_column_number(lectures, made["line_item"]))
    for sub in lectures.campus.lms.do("students", course=COURSE, count=12):
        lectures.grade(lectures.student(f"s{sub}", sub=sub), 5)
    lectures.publish()

    lectures.send()

    assert len(lectures.posts()) == sending.FAILURES_TO_PAUSE
    assert lectures.column.failure_code == "column_locked"


def test_unlocked_column_is_filled(lectures: Lectures) -> None:
    made = lectures.link()
    number = _column_number(lectures, made["line_item"])
    lectures.campus.lms.do("lock", column=number)
    for sub in lectures.campus.lms.do("students", course=COURSE, count=5):
        lectures.grade(lectures.student(f"s{sub}", sub=sub), 5)
    lectures.publish()
    lectures.send()
    lectures.campus.lms.do("lock", column=number, locked=False)
    lectures.clock.pass_(minutes=11)

    lectures.send()

    assert not Score.objects.exclude(state=State.SENT).exists()
    assert lectures.column.failures == 0


def test_column_that_is_gone_stops_and_is_not_made_again(lectures: Lectures) -> None:
    made = lectures.link()
    lectures.campus.lms.do("delete_activity", id=made["id"])
    lectures.grade(lectures.student("ada"), 8)
    lectures.grade(lectures.student("ben"), 7)
    lectures.publish()

    lectures.send()
    lectures.clock.pass_(hours=1)
    lectures.send()

    assert lectures.column.state == LineItem.State.GONE
    assert len(lectures.posts()) == 1
    assert lectures.columns() == []


def test_token_that_was_taken_back_is_asked_for_again(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.send()
    lectures.campus.lms.do("forget_tokens")
    lectures.grade(lectures.student("ben"), 7)
    lectures.publish()

    lectures.send()

    assert lectures.shown("ben") == 7


def test_tool_that_may_not_write_grades_goes_on_trying(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.campus.lms.do("answer", path=ANY_SCORES, status=401, times=2)
    lectures.send()
    code = lectures.column.failure_code
    lectures.clock.pass_(minutes=11)

    lectures.send()

    assert code == "grades_not_allowed"
    assert lectures.score("ada").state == State.SENT
    assert lectures.column.failure_code == ""


def test_keys_that_the_platform_cannot_read_pause_it(lectures: Lectures) -> None:
    lectures.campus.lms.do("tool", id=lectures.campus.tool, is_unreachable=True)
    lectures.link()
    lectures.graded("ada", 5)

    for _try in range(sending.FAILURES_TO_PAUSE):
        lectures.send()
        lectures.clock.pass_(minutes=2)

    assert Outlet.objects.get().failure_code == "keys_unread"


def test_grade_waits_while_there_is_no_key_and_leaves_once_there_is(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.platform.key_pairs.all().delete()
    lectures.send()
    before = (lectures.column.state, lectures.column.failure_code)
    rotate(lectures.platform, now=lectures.clock())
    lectures.campus.lms.do("tool", id=lectures.campus.tool, public_keys={"keys": public_keys(now=lectures.clock())})
    lectures.clock.pass_(minutes=11)

    lectures.send()

    assert before == ("open", "key_missing")
    assert lectures.shown("ada") == 5


def test_page_in_place_of_an_answer_is_none(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.campus.lms.do("answer", path=ANY_SCORES, status=200, body="<html>Back soon</html>", times=1)
    lectures.send()
    before = lectures.score("ada").state
    lectures.clock.pass_(minutes=1)

    lectures.send()

    assert (before, lectures.score("ada").state) == (State.WAITING, State.SENT)


def test_platform_that_has_had_enough_is_left_alone_as_long_as_it_says(lectures: Lectures) -> None:
    lectures.grade(lectures.student("ada"), 5)
    lectures.grade(lectures.student("ben"), 5)
    lectures.publish()
    lectures.campus.lms.do("answer", path=ANY_SCORES, status=429, headers={"retry-after": "1800"}, times=1)

    lectures.send()
    lectures.clock.pass_(minutes=29)
    lectures.send()
    waiting = len(lectures.posts())
    lectures.clock.pass_(minutes=2)
    lectures.send()

    assert waiting == 1
    assert not Score.objects.exclude(state=State.SENT).exists()


# --- Outages -----------------------------------------------------------------------------------------------


def test_everything_arrives_once_and_in_order_after_an_hour_without_answer(
    lectures: Lectures, settings: Settings
) -> None:
    settings.REPOSITORY_TIMEOUT_SECONDS = 1
    lectures.link()
    subs = lectures.campus.lms.do("students", course=COURSE, count=6)
    members = [lectures.student(f"s{sub}", sub=sub) for sub in subs]
    lectures.campus.lms.do("answer", path=".*", status=503, after=0)
    for minute in range(0, 60, 5):
        member = members[(minute // 5) % 6]
        lectures.grade(member, minute / 10)
        lectures.publish()
        if minute == 20:
            lectures.campus.lms.do("truth")
            lectures.campus.lms.do("answer", path=".*(scores|token.*)", hang=True)
        lectures.send()
        lectures.clock.pass_(minutes=5)
    during = len(lectures.posts())
    lectures.campus.lms.do("truth")
    lectures.campus.lms.do("clear_log")

    for _turn in range(3):
        lectures.clock.pass_(minutes=5)
        lectures.send()

    taken = [json.loads(one["body"]) for one in lectures.posts() if one["status"] == 200]
    assert during < 25
    assert [one["userId"] for one in taken] == subs
    assert [one["scoreGiven"] for one in taken] == [3.0, 3.5, 4.0, 4.5, 5.0, 5.5]
    assert [one["timestamp"] for one in taken] == sorted(one["timestamp"] for one in taken)
    assert not Score.objects.exclude(state=State.SENT).exists()


def test_platform_that_is_down_is_asked_ever_more_rarely(lectures: Lectures) -> None:
    lectures.link()
    for sub in lectures.campus.lms.do("students", course=COURSE, count=20):
        lectures.grade(lectures.student(f"s{sub}", sub=sub), 5)
    lectures.publish()
    lectures.campus.lms.do("answer", path=ANY_SCORES, status=503)

    for _minute in range(60):
        lectures.send()
        lectures.clock.pass_(minutes=1)

    assert len(lectures.posts()) < 20


def test_dead_platform_stops_no_other(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    Platform.objects.create(name="Dead", issuer="https://dead.test", client_id="1", state=Platform.State.ACTIVE)
    dead = Platform.objects.get(name="Dead")
    Outlet.objects.create(platform=dead, failures=9, paused_until=lectures.clock() + timedelta(hours=1))

    lectures.send()

    assert lectures.shown("ada") == 5


def test_platform_that_is_switched_off_gets_nothing_until_it_is_on(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    Platform.objects.update(state=Platform.State.DISABLED)
    lectures.send()
    before = lectures.posts()
    Platform.objects.update(state=Platform.State.ACTIVE)

    lectures.send()

    assert before == []
    assert lectures.shown("ada") == 5


def test_course_that_is_another_class_by_now_gets_nothing(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    lectures.context.course = CourseFactory.create()
    lectures.context.save()

    lectures.send()

    assert lectures.posts() == []


# --- Workers -----------------------------------------------------------------------------------------------


def test_task_sends(lectures: Lectures) -> None:
    lectures.graded("ada", 5)

    tasks.send_grades(str(lectures.campus.platform.pk))

    assert lectures.shown("ada") == 5


def test_two_workers_do_not_send_at_once(lectures: Lectures) -> None:
    lectures.graded("ada", 5)
    other = sending._claimed(lectures.platform, clock=lectures.clock, jitter=lambda: 1.0)
    assert other is not None

    lectures.send()

    assert lectures.posts() == []


def test_what_a_dead_worker_had_begun_is_sent_with_the_same_time(lectures: Lectures) -> None:
    score = lectures.graded("ada", 5)
    dead = sending._claimed(lectures.platform, clock=lectures.clock, jitter=lambda: 1.0)
    assert dead is not None
    score.line_item = sending._column(dead, score) or score.line_item
    sending._begun(dead, score)
    sending._posted(score.line_item, score, now=lectures.clock())
    lectures.clock.pass_(minutes=1)

    lectures.send()

    assert [one["status"] for one in lectures.posts()] == [200, 409]
    assert len(set(stamps(lectures, "ada"))) == 1
    assert lectures.score("ada").state == State.SENT


def test_worker_that_was_taken_for_dead_writes_nothing(lectures: Lectures) -> None:
    score = lectures.graded("ada", 5)
    slow = sending._claimed(lectures.platform, clock=lectures.clock, jitter=lambda: 1.0)
    assert slow is not None
    score.line_item = sending._column(slow, score) or score.line_item
    sending._begun(slow, score)
    lectures.clock.pass_(minutes=1)
    lectures.send()

    sending._refused(slow, score, "grade_refused")

    assert lectures.score("ada").state == State.SENT


def test_bug_with_one_grade_keeps_no_other(lectures: Lectures, monkeypatch: pytest.MonkeyPatch) -> None:
    lectures.grade(lectures.student("ada"), 5)
    lectures.grade(lectures.student("ben"), 6)
    lectures.publish()
    true = sending._posted
    unlucky = lectures.score("ada").pk

    def broken(column: LineItem, row: Score, *, now: datetime) -> object:
        if row.pk == unlucky:
            raise KeyError("a bug")
        return true(column, row, now=now)

    monkeypatch.setattr(sending, "_posted", broken)

    lectures.send()

    assert lectures.score("ben").state == State.SENT
    assert lectures.score("ada").state == State.WAITING


def test_waiting_grades_are_asked_for_again(
    lectures: Lectures, django_capture_on_commit_callbacks: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(sending, "enqueue", lambda task, key: asked.append(key))
    lectures.graded("ada", 5)

    sending.tend_grades(now=lectures.clock())
    lectures.send()
    sending.tend_grades(now=lectures.clock())

    assert asked == [lectures.campus.platform.pk]


def test_whoever_runs_the_site_reads_how_many_were_sent(lectures: Lectures) -> None:
    lectures.grade(lectures.student("gone", sub="9999"), 3)
    lectures.grade(lectures.student("ada"), 8)
    lectures.grade(lectures.student("ben"), 8)
    lectures.publish()

    lectures.send()

    noted = {sentence_of(entry) for entry in AuditEntry.objects.all()}
    assert "Grades of “Loops” were sent: 2." in noted
    assert "Grades of “Loops” were not taken: 1, because of grade_refused." in noted


def test_many_grades_cost_few_queries_each(lectures: Lectures) -> None:
    for sub in lectures.campus.lms.do("students", course=COURSE, count=20):
        lectures.grade(lectures.student(f"s{sub}", sub=sub), 5)
    lectures.publish()

    with CaptureQueriesContext(connection) as queries:
        lectures.send()

    assert len(lectures.posts()) == 20
    assert len(queries) < 20 * 3 + 40


def test_teacher_and_assistant_have_no_grade_over_there(lectures: Lectures) -> None:
    lectures.grade(lectures.student("toby", role=Role.GRADER), 5)
    lectures.publish()

    lectures.send()

    assert lectures.posts() == []


def _column_number(lectures: Lectures, url: str) -> int:
    return next(int(one["id"]) for one in lectures.columns() if one["url"] == url)
