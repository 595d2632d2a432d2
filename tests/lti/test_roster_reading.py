"""Reading the list of a course's people from a platform over real HTTP: every page, or an error."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from lti.errors import LtiError
from lti.models import Context
from lti.rosters.pages import Listed
from lti.rosters.reading import MAX_PAGES, MAX_PEOPLE, read_list
from lti.services import MEMBERS
from tests.lti.campus import COURSE, Campus

PATH = ".*/memberships"


def read(context: Context) -> list[Listed]:
    return read_list(context, seconds=60, now=timezone.now())


def asked(campus: Campus) -> int:
    return len(campus.lms.log("/memberships"))


def test_everybody_is_read(campus: Campus) -> None:
    people = read(campus.context())

    assert {(one.name, one.role) for one in people} == {
        ("Tess Moreau", "teacher"),
        ("Toby Okafor", "student"),  # As Moodle says it.
        ("Ada Lindqvist", "student"),
        ("Ben Castillo", "student"),
        ("Chloé 🎓 Brun", "student"),
    }


def test_suspended_person_is_not_listed_by_moodle(campus: Campus) -> None:
    campus.lms.do("enrol", course=COURSE, username="ada", is_suspended=True)

    assert campus.sub("ada") not in {one.sub for one in read(campus.context())}


def test_pages_are_followed(campus: Campus) -> None:
    campus.lms.do("quirk", page_size=2, hides_page_numbers=True)

    assert len(read(campus.context())) == 5
    assert asked(campus) == 3


def test_pages_without_end_are_too_many(campus: Campus) -> None:
    context = campus.context()
    campus.lms.do("next_link", url=f"{context.memberships_url}?n={{n}}")

    with pytest.raises(LtiError, match="roster_endless"):
        read(context)
    assert asked(campus) == MAX_PAGES


def test_links_in_several_lines_are_one_list(campus: Campus) -> None:
    campus.lms.do("quirk", page_size=3)
    campus.lms.do("answer", path=PATH, headers={"link": '<http://127.0.0.1/changes>; rel="differences"'})

    assert len(read(campus.context())) == 5


def test_same_person_on_two_pages_is_one(campus: Campus) -> None:
    context = campus.context()
    campus.lms.do("answer", path=PATH, times=1, headers={"link": f'<{context.memberships_url}?n=2>; rel="next"'})

    assert len(read(context)) == 5
    assert asked(campus) == 2


def test_loop_is_noticed(campus: Campus) -> None:
    context = campus.context()
    campus.lms.do("next_link", url=context.memberships_url)

    with pytest.raises(LtiError, match="roster_endless"):
        read(context)
    assert asked(campus) == 1


def test_endless_people_are_too_many(campus: Campus) -> None:
    members = [{"user_id": str(number), "roles": ["Learner"]} for number in range(MAX_PEOPLE + 1)]
    campus.lms.do("answer", path=PATH, merge={"members": members})

    with pytest.raises(LtiError, match="roster_endless"):
        read(campus.context())


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/memberships", "https://evil.example/m", "http://10.0.0.1/m"])
def test_next_page_elsewhere_is_not_asked(campus: Campus, address: str) -> None:
    campus.lms.do("next_link", url=address)

    with pytest.raises(LtiError, match="roster_elsewhere"):
        read(campus.context())


def test_first_page_on_a_private_address_is_not_asked(campus: Campus) -> None:
    with pytest.raises(LtiError, match="roster_unreached"):
        read(campus.context(memberships_url="http://10.0.0.1/memberships"))


def test_slow_platform_is_not_waited_for(campus: Campus) -> None:
    campus.lms.do("quirk", page_size=1)
    clock = count(step=10)

    with pytest.raises(LtiError, match="roster_slow"):
        read_list(campus.context(), seconds=25, now=timezone.now(), tick=lambda: next(clock))
    assert asked(campus) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"status": 401, "body": "{}"}, "roster_refused"),
        ({"status": 403, "body": "{}"}, "roster_refused"),
        ({"status": 404, "body": "{}"}, "roster_refused"),
        ({"status": 429, "body": "{}"}, "roster_unreached"),
        ({"status": 500, "body": ""}, "roster_unreached"),
        ({"status": 302, "body": "", "headers": {"location": "http://127.0.0.1:1/"}}, "roster_unreached"),
        ({"body": "<html>Sign in</html>", "content_type": "text/html"}, "roster_unreadable"),
        ({"body": '{"members": [' + '{"user_id": "1"},' * 20_000}, "roster_unreadable"),
        ({"body": "[" * 100_000}, "roster_unreadable"),
        ({"merge": {"members": [{"user_id": ""}]}}, "roster_unreadable"),
        ({"body": r'{"members": [{"user_id": "\ud800"}]}'}, "roster_unreadable"),
        ({"merge": {"context": {"id": "99"}}}, "roster_elsewhere"),
    ],
)
def test_bad_answer_is_an_error_with_words(campus: Campus, answer: dict[str, Any], code: str) -> None:
    campus.lms.do("answer", path=PATH, **answer)

    with pytest.raises(LtiError, match=code) as refused:
        read(campus.context())
    words = refused.value.explain()
    assert "Pretend University" in words.sentence
    assert "?" not in words.sentence + words.next_step


def test_platform_that_does_not_allow_it_is_explained(campus: Campus) -> None:
    campus.lms.do("tool", id=campus.tool, scopes=["https://purl.imsglobal.org/spec/lti-ags/scope/score"])

    with pytest.raises(LtiError, match="token_refused"):
        read(campus.context())


def test_bad_answer_on_the_second_page_spoils_the_first(campus: Campus) -> None:
    campus.lms.do("quirk", page_size=2)
    campus.lms.do("answer", path=PATH, after=1, status=500, body="")

    with pytest.raises(LtiError, match="roster_unreached"):
        read(campus.context())


def test_course_that_says_nothing_of_a_list_is_told_apart(campus: Campus) -> None:
    with pytest.raises(LtiError, match="roster_nowhere"):
        read(campus.context(memberships_url=""))


def test_only_the_list_is_asked_for(campus: Campus) -> None:
    read(campus.context())

    (request,) = campus.lms.log("/token")
    assert MEMBERS.rpartition("/")[2] in request["body"]
    assert "lti-ags" not in request["body"]
    assert campus.lms.log("/memberships")[0]["headers"]["accept"].startswith("application/vnd.ims.lti-nrps.v2.")
