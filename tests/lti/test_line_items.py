"""Columns over there: found, made once, kept in step, and left alone where they are the platform's."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from lti.errors import LtiError, LtiFailure
from lti.models import LineItem, Score
from lti.passback import line_items, outbox
from lti.services import LINE_ITEM_READ, RESULT, SCORE
from tests.lti.graded import Lectures

MAKING = r".*/lineitems"


def made_by_tool(lectures: Lectures) -> list[str]:
    return [one["label"] for one in lectures.columns() if one["activity"] is None]


def test_column_of_the_link_is_used(lectures: Lectures) -> None:
    made = lectures.link(title="Loops over there", maximum=20)
    lectures.graded("ada", 8)

    lectures.send()

    assert lectures.column.url == made["line_item"]
    assert lectures.column.is_platforms
    assert lectures.shown("ada") == 16


def test_column_is_made_where_there_is_none(lectures: Lectures) -> None:
    lectures.graded("ada", 8)

    lectures.send()

    (column,) = lectures.columns()
    assert (column["label"], column["maximum"], column["resource_id"]) == ("Loops", 10, str(lectures.assignment.pk))
    assert lectures.column.url == column["url"]


def test_column_that_was_made_before_is_found(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.send()
    LineItem.objects.update(url="")
    Score.objects.update(state=Score.State.WAITING, version=2)

    lectures.clock.pass_(seconds=2)
    lectures.send()

    assert len(lectures.columns()) == 1


def test_lost_answer_makes_no_second_column(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.campus.lms.do("answer", path=MAKING, method="POST", status=504, lose=True, times=1)
    lectures.send()
    lectures.clock.pass_(minutes=5)

    lectures.send()

    assert made_by_tool(lectures) == ["Loops"]
    assert lectures.shown("ada") == 8


def test_answer_that_is_a_page_makes_no_second_column(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.campus.lms.do("answer", path=MAKING, method="POST", status=201, body="<html>", lose=True, times=1)
    lectures.send()
    lectures.clock.pass_(minutes=5)

    lectures.send()

    assert made_by_tool(lectures) == ["Loops"]


@pytest.mark.parametrize("link", ['<https://elsewhere.example/2>; rel="next"', "<2>; rel=“next”"])
def test_list_that_cannot_be_read_to_its_end_makes_no_column(lectures: Lectures, link: str) -> None:
    lectures.graded("ada", 8)
    lectures.campus.lms.do("answer", path=MAKING, method="GET", headers={"Link": link})

    lectures.send()

    assert lectures.columns() == []
    assert (lectures.column.state, lectures.column.failure_code) == ("refused", "column_refused")


def test_column_that_somebody_else_makes_is_waited_for(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    LineItem.objects.update(claimed_until=lectures.clock() + timedelta(minutes=1))

    lectures.send()
    before = lectures.columns()
    lectures.clock.pass_(minutes=2)
    lectures.send()

    assert before == []
    assert lectures.shown("ada") == 8


def test_column_of_another_origin_is_not_believed(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    merge = {"id": "http://169.254.169.254/latest/lineitem"}
    lectures.campus.lms.do("answer", path=MAKING, method="POST", merge=merge)

    with pytest.raises(LtiFailure):
        line_items.ready(lectures.column, now=lectures.clock())
    assert lectures.column.url == ""


def test_platform_that_lets_no_column_be_made_is_told_to_the_teacher(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.campus.lms.do("answer", path=MAKING, method="POST", status=403)

    lectures.send()

    assert (lectures.column.state, lectures.column.failure_code) == (LineItem.State.REFUSED, "column_refused")


def test_tool_that_may_only_read_columns_finds_one(lectures: Lectures) -> None:
    campus = lectures.campus
    campus.lms.do("tool", id=campus.tool, scopes=[LINE_ITEM_READ, RESULT, SCORE])
    lectures.context.scopes = [LINE_ITEM_READ, RESULT, SCORE]
    lectures.context.save()
    campus.activity("Loops", 10, resource_id=str(lectures.assignment.pk))
    lectures.graded("ada", 8)

    lectures.send()

    assert lectures.shown("ada") == 8


def test_column_follows_the_name_of_the_assignment(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.send()
    lectures.assignment.title = "Loops and more"
    lectures.assignment.save()
    lectures.clock.pass_(minutes=1)
    lectures.grade(lectures.student("ben"), 6)
    lectures.publish()

    lectures.send()

    assert made_by_tool(lectures) == ["Loops and more"]


def test_column_follows_the_points_and_keeps_what_each_grade_is_worth(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.send()
    lectures.clock.pass_(minutes=1)
    lectures.grade(lectures.student("ben"), 15, max_points=Decimal(20))
    lectures.publish()

    lectures.send()

    (column,) = lectures.columns()
    assert column["maximum"] == 20
    assert column["shown"] == {"ada": 16, "ben": 15}


def test_column_that_may_not_be_changed_keeps_its_name_and_takes_grades(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.send()
    lectures.campus.lms.do("answer", path=".*/lineitem", method="PUT", status=403)
    lectures.assignment.title = "Loops and more"
    lectures.assignment.save()
    lectures.clock.pass_(minutes=1)
    lectures.grade(lectures.student("ben"), 6)
    lectures.publish()

    lectures.send()
    lectures.clock.pass_(minutes=1)
    lectures.send()

    assert lectures.shown("ben") == 6
    assert len(lectures.campus.lms.log("/lineitem", "PUT")) == 1


def test_column_of_the_platform_keeps_its_name(lectures: Lectures) -> None:
    lectures.link(title="Loops over there", maximum=20)
    lectures.graded("ada", 8)

    lectures.send()

    assert lectures.columns()[0]["label"] == "Loops over there"
    assert lectures.columns()[0]["maximum"] == 20


def test_link_that_is_made_later_gets_all_grades(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.send()
    made = lectures.link(title="Loops over there", maximum=10)
    lectures.clock.pass_(minutes=1)

    outbox.note_link(lectures.context.resource_links.get())
    lectures.send()

    assert lectures.column.url == made["line_item"]
    assert lectures.column.has_left_one
    assert [one["shown"] for one in lectures.columns()] == [{"ada": 8}, {"ada": 8}]


def test_second_link_takes_no_grades_from_the_first(lectures: Lectures) -> None:
    first = lectures.link(title="Loops", maximum=10)
    lectures.graded("ada", 8)
    lectures.send()
    second = lectures.campus.activity("Again", 10)
    link = lectures.context.resource_links.create(
        resource_link_id="again", assignment=lectures.assignment, line_item_url=second["line_item"]
    )

    outbox.note_link(link)

    assert lectures.column.url == first["line_item"]


def test_column_that_is_gone_is_made_anew_when_a_teacher_says_so(lectures: Lectures) -> None:
    made = lectures.link()
    lectures.graded("ada", 8)
    lectures.send()
    lectures.campus.lms.do("delete_activity", id=made["id"])
    lectures.clock.pass_(minutes=1)
    lectures.grade(lectures.student("ben"), 6)
    lectures.publish()
    lectures.send()

    outbox.make_anew(lectures.column)
    lectures.clock.pass_(minutes=1)
    lectures.send()

    (column,) = lectures.columns()
    assert column["shown"] == {"ada": 8, "ben": 6}
    assert lectures.column.state == LineItem.State.OPEN


def test_course_without_a_place_for_grades_has_no_column(lectures: Lectures) -> None:
    lectures.context.line_items_url = ""
    lectures.context.save()

    lectures.grade(lectures.student("ada"), 8)
    lectures.publish()

    assert not LineItem.objects.exists()


def test_column_without_a_place_to_make_it_is_refused(lectures: Lectures) -> None:
    lectures.graded("ada", 8)
    lectures.context.line_items_url = ""
    lectures.context.save()

    with pytest.raises(LtiError, match="column_unoffered"):
        line_items.ready(lectures.column, now=lectures.clock())
