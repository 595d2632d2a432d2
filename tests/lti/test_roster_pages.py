"""Pages of a platform's list of people, read whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from classes.models import Role
from lti.errors import LtiError
from lti.rosters.pages import Listed, members_on, together
from tests.lti.platforms import MEMBERSHIP, STUDENT, TEACHER

ADDRESS = "https://lms.example/members?type=1"


def page(*members: Any, **facts: Any) -> dict[str, Any]:
    return {"id": ADDRESS, "context": {"id": "101"}, "members": list(members)} | facts


def read(*members: Any, **facts: Any) -> list[Listed]:
    return members_on(page(*members, **facts), context_id="101")


def test_member_is_read() -> None:
    said = {"user_id": "42", "roles": ["Learner"], "status": "Active", "name": "Ada", "email": "ada@example.org"}

    assert read(said) == [Listed("42", ("Learner",), True, "Ada", "ada@example.org")]


def test_member_needs_nothing_but_an_id() -> None:
    (one,) = read({"user_id": "42"})

    assert (one.is_there, one.role, one.name) == (True, None, "")


@pytest.mark.parametrize(("said", "sub"), [(42, "42"), ("👩‍🔬", "👩‍🔬"), ("x" * 255, "x" * 255)])
def test_id_is_read_as_that_of_a_launch(said: object, sub: str) -> None:
    assert read({"user_id": said})[0].sub == sub


@pytest.mark.parametrize("said", ["", "  ", None, True, 1.5, "x" * 256, "a\x00", "\ud800", ["42"]])
def test_id_that_cannot_be_kept_spoils_the_list(said: object) -> None:
    with pytest.raises(LtiError, match="roster_unreadable"):
        read({"user_id": "1"}, {"user_id": said})


@pytest.mark.parametrize(
    "document", [None, "<html>", [], {}, {"members": {}}, {"members": ["42"]}, {"members": [None]}]
)
def test_what_is_no_list_is_none(document: object) -> None:
    with pytest.raises(LtiError, match="roster_unreadable"):
        members_on(document, context_id="101")


def test_name_has_nothing_hidden_in_it() -> None:
    (one,) = read({"user_id": "42", "name": "Zoë 👩‍🔬\u202e\ud800\x00 Ü" + "x" * 200, "roles": "Learner"})

    assert one.name.startswith("Zoë 👩‍🔬 Ü")
    assert len(one.name) == 150
    assert one.roles == ()


@pytest.mark.parametrize(
    ("status", "is_there"), [("Inactive", False), ("deleted", False), ("Pending", True), (3, True)]
)
def test_status_says_who_is_gone(status: object, is_there: bool) -> None:
    assert read({"user_id": "42", "status": status})[0].is_there is is_there


def test_people_of_another_course_are_refused() -> None:
    with pytest.raises(LtiError, match="roster_elsewhere"):
        read(context={"id": "102"})


@pytest.mark.parametrize("context", [{"id": 101}, {}, None])
def test_course_may_be_a_number_or_unsaid(context: object) -> None:
    assert read(context=context) == []


def test_made_up_student_is_left_out() -> None:
    test_person = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"

    assert read({"user_id": "42", "roles": [STUDENT, test_person]}) == []


def test_two_entries_are_one_person() -> None:
    first = Listed("42", (TEACHER,), name="Ada")
    second = Listed("42", (f"{MEMBERSHIP}/Instructor#TeachingAssistant",), email="ada@example.org")

    both = together(first, second)

    assert (both.role, both.name, both.email) == (Role.GRADER, "Ada", "ada@example.org")


@pytest.mark.parametrize("is_first", [True, False])
def test_somebody_who_is_gone_and_there_is_there(is_first: bool) -> None:
    there, gone = Listed("42", (STUDENT,)), Listed("42", (TEACHER,), is_there=False)

    assert together(*((there, gone) if is_first else (gone, there))) == there
