"""Grades over there beside ours, and sending them again."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from lti.errors import LtiError, LtiFailure
from lti.models import Score
from lti.passback import drift
from lti.passback.drift import Kind, Which
from lti.passback.results import results_of
from lti.passback.service import SCORE_TYPE, part_of
from lti.services import SCORE, ask
from tests.lti.graded import Lectures


@pytest.fixture
def both(lectures: Lectures) -> Lectures:
    """Three grades that are there, a minute ago."""
    for username in ("ada", "ben", "chloe"):
        lectures.grade(lectures.student(username), 8)
    lectures.publish()
    lectures.send()
    lectures.clock.pass_(minutes=1)
    return lectures


def change(lectures: Lectures, **grades: float | None) -> None:
    number = next(int(one["id"]) for one in lectures.columns())
    for username, grade in grades.items():
        lectures.campus.lms.do("override", column=number, username=username, grade=grade)


def test_same_is_no_difference(both: Lectures) -> None:
    comparison = drift.compare(both.column, now=both.clock())

    assert (comparison.same, comparison.differences, comparison.waiting) == (3, [], 0)


def test_changes_over_there_are_seen(both: Lectures) -> None:
    change(both, ada=9.5, ben=2)

    found = drift.compare(both.column, now=both.clock())

    assert [(one.score.person.user.username, one.kind, one.shown) for one in found.differences] == [
        ("ada", Kind.HIGHER, Decimal("9.50")),
        ("ben", Kind.LOWER, Decimal("2.00")),
    ]
    assert (found.same, found.behind, found.higher, found.missing) == (1, 1, 1, 0)


def test_grade_that_vanished_is_missing(both: Lectures) -> None:
    sub = both.campus.sub("ada")
    both.campus.lms.do("answer", path=".*/results", body="[]", status=200, content_type="application/json")

    found = drift.compare(both.column, now=both.clock())

    assert found.missing == 3
    assert sub in {one.score.person.sub for one in found.differences}


def test_grade_on_its_way_is_not_compared(both: Lectures) -> None:
    Score.objects.filter(person__user__username="ada").update(state=Score.State.WAITING)

    found = drift.compare(both.column, now=both.clock())

    assert (found.same, found.waiting) == (2, 1)


def test_sending_what_is_behind_lowers_nobody(both: Lectures) -> None:
    change(both, ada=9.5, ben=2)

    count = drift.send_again(both.column, Which.BEHIND, now=both.clock())
    both.send()

    assert count == 1
    assert len(both.posts()) == 4
    assert both.score("ada").version == 1


def test_sending_all_lowers_when_it_is_asked_for(both: Lectures) -> None:
    change(both, ada=9.5, ben=2)

    assert drift.send_again(both.column, Which.ALL, now=both.clock()) == 2


def test_sending_again_looks_once_more(both: Lectures) -> None:
    change(both, ben=2)
    drift.compare(both.column, now=both.clock())
    change(both, ben=9)

    assert drift.send_again(both.column, Which.BEHIND, now=both.clock()) == 0


def test_erased_grade_is_there_again(both: Lectures) -> None:
    pending = {"userId": both.campus.sub("ada"), "activityProgress": "Submitted", "gradingProgress": "Pending"}
    pending["timestamp"] = both.clock.pass_(minutes=1).isoformat()
    url = part_of(both.column.url, "scores")
    ask(both.platform, "POST", url, scopes=[SCORE], said=pending, media_type=SCORE_TYPE, now=both.clock())
    before = both.shown("ada")

    count = drift.send_again(both.column, Which.MISSING, now=both.clock())
    both.send()

    assert (before, count, both.shown("ada")) == (None, 1, 8)


def test_one_who_has_more_over_there_would_be_lowered(both: Lectures) -> None:
    change(both, ada=9.5, ben=2)

    assert drift.would_lower(both.score("ada"), now=both.clock())
    assert not drift.would_lower(both.score("ben"), now=both.clock())
    assert not drift.would_lower(both.score("chloe"), now=both.clock())


@pytest.mark.parametrize("status", [401, 403, 404])
def test_platform_that_does_not_tell_is_explained(both: Lectures, status: int) -> None:
    both.campus.lms.do("answer", path=".*/results", status=status)

    with pytest.raises(LtiError, match="results_unread"):
        drift.compare(both.column, now=both.clock())


@pytest.mark.parametrize("body", ["<html>Back soon</html>", '{"results": []}', ""])
def test_answer_that_is_no_list_is_a_failure(both: Lectures, body: str) -> None:
    both.campus.lms.do("answer", path=".*/results", status=200, body=body)

    with pytest.raises(LtiFailure, match="platform_unreachable"):
        drift.compare(both.column, now=both.clock())


@pytest.mark.parametrize("score", ["a lot", None, True, [8], "NaN", 1e300, {"points": 8}])
def test_grade_that_is_no_number_is_none(both: Lectures, score: object) -> None:
    sub = both.campus.sub("ada")
    said = [{"userId": sub, "resultScore": score, "resultMaximum": 10}, {"userId": ["x"]}, "nothing"]
    both.campus.lms.do("answer", path=".*/results", status=200, body=json.dumps(said))

    assert results_of(both.column, now=both.clock()) == {}


def test_results_come_in_pages(both: Lectures) -> None:
    first = [{"userId": "1", "resultScore": 1, "resultMaximum": 10}]
    link = {"link": f'<{both.campus.lms.url}/more>; rel="next"'}
    both.campus.lms.do("answer", path=".*/results", status=200, body=json.dumps(first), headers=link)
    second = [{"userId": "2", "resultScore": 2, "resultMaximum": 10}]
    both.campus.lms.do("answer", path="/more", status=200, body=json.dumps(second))

    assert set(results_of(both.column, now=both.clock())) == {"1", "2"}


def test_page_of_another_origin_is_not_followed_and_not_the_end(both: Lectures) -> None:
    link = {"link": '<http://169.254.169.254/latest>; rel="next"'}
    both.campus.lms.do("answer", path=".*/results", status=200, body="[]", headers=link)

    with pytest.raises(LtiError, match="results_unread"):
        results_of(both.column, now=both.clock())


def test_pages_without_end_are_given_up(both: Lectures) -> None:
    link = {"link": f'<{both.campus.lms.url}/more/results>; rel="next"'}
    both.campus.lms.do("answer", path=".*/results", status=200, body="[]", headers=link)

    with pytest.raises(LtiFailure, match="platform_unreachable"):
        results_of(both.column, now=both.clock())
