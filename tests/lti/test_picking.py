"""Choosing what to add to a course."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from assignments.models import Assignment
from classes.members import change_role
from classes.models import Course, Lesson, Role
from environments.models import Visibility
from lti.claims import DEEP_LINKING_CLAIM, LTI
from lti.keys import make_first_key
from lti.models import AuditEntry, Context, LtiPerson, Picking, Platform
from tests.factories import AssignmentFactory, CourseFactory, EnvironmentFactory, LessonFactory, released
from tests.lti.picking import asking, choose, items_in, picker, said_in, token_of
from tests.lti.platforms import MEMBERSHIP, STUDENT, TEACHER, Browser

ASSISTANT = f"{MEMBERSHIP}/Instructor#TeachingAssistant"
CELLS = [("problem1", "one", "tests", 7), ("problem1", "two", "manual", 3)]


@pytest.fixture(autouse=True)
def signing(platform: Platform) -> None:
    """A key of ours towards it."""
    make_first_key(platform, now=timezone.now())


@pytest.fixture
def homework(course: Course) -> Assignment:
    """Out of ten."""
    homework = AssignmentFactory.create(
        course=course, name="ps1", title="Loops <b>&</b> 🎓", summary="Two functions.", due_at=timezone.now()
    )
    released(homework, cells=CELLS)
    return homework


@pytest.fixture
def lesson(course: Course) -> Lesson:
    return LessonFactory.create(course=course, title="First steps", summary="Read, and run.")


# --- What is offered ----------------------------------------------------------------------------------------


def test_picker_shows_all_of_the_class(browser: Browser, homework: Assignment, lesson: Lesson) -> None:
    EnvironmentFactory.create(title="Astronomy", visibility=Visibility.EVERYONE)
    EnvironmentFactory.create(title="Somebody's own", visibility=Visibility.PRIVATE)
    EnvironmentFactory.create(title="Of another class", visibility=Visibility.UNLISTED)

    page = browser.client.get(picker(browser)).content.decode()

    assert "What to add to “Statistics”?" in page
    assert "Loops &lt;b&gt;&amp;&lt;/b&gt; 🎓" in page
    assert "out of 10" in page
    assert ("First steps" in page, "Astronomy" in page) == (True, True)
    assert not [title for title in ("Somebody's own", "Of another class") if title in page]


def test_what_students_do_not_see_yet_is_said_to_be_so(browser: Browser, course: Course) -> None:
    AssignmentFactory.create(course=course, title="Draft")
    AssignmentFactory.create(course=course, title="Gone", deleted_at=timezone.now())

    page = browser.client.get(picker(browser)).content.decode()

    assert "Students do not see it yet" in page
    assert "out of 100 until it is released" in page
    assert "Gone" not in page


def test_things_are_found_by_words_and_what_is_ticked_stays(browser: Browser, course: Course) -> None:
    lessons = [LessonFactory.create(course=course, title=f"Week {n}") for n in range(1, 15)]
    url, ticked = picker(browser), f"lesson:{lessons[13].pk}"

    page = browser.client.post(url, {"do": "find", "words": "week 7", "item": [ticked]}).content.decode()

    assert "Week 7" in page
    assert "Week 8" not in page
    assert f'value="{ticked}" checked' in page


def test_link_that_is_there_already_is_said_to_be(browser: Browser, homework: Assignment) -> None:
    browser.launch(custom={"carrel_kind": "assignment", "carrel_id": str(homework.pk)})

    page = browser.client.get(picker(browser, sub="7")).content.decode()

    assert page.count("In the course already") == 1


def test_picker_asks_the_database_a_bounded_number_of_questions(
    browser: Browser, course: Course, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        LessonFactory.create(course=course)
        AssignmentFactory.create(course=course, name=f"ps{number}")
    url = picker(browser)

    with django_assert_max_num_queries(14):
        browser.client.get(url)


# --- What goes back -----------------------------------------------------------------------------------------


def test_choice_goes_back_signed_and_complete(browser: Browser, homework: Assignment) -> None:
    url = picker(browser, settings={"data": "the platform's own note " * 400})

    response = choose(browser, url, f"assignment:{homework.pk}")

    said = said_in(browser, response)
    assert said[f"{LTI}message_type"] == "LtiDeepLinkingResponse"
    assert (said[f"{LTI}version"], said[f"{LTI}deployment_id"]) == ("1.3.0", "1")
    assert said["aud"] == [browser.lms.issuer]
    assert said["nonce"]
    assert 0 < said["exp"] - said["iat"] <= 600
    assert said[f"{DEEP_LINKING_CLAIM}data"] == "the platform's own note " * 400


def test_item_of_an_assignment(browser: Browser, homework: Assignment) -> None:
    Assignment.objects.update(opens_at=timezone.now(), closes_at=timezone.now() + timedelta(days=1))
    homework.refresh_from_db()

    (item,) = items_in(browser, choose(browser, picker(browser), f"assignment:{homework.pk}"))

    assert homework.opens_at is not None
    assert homework.closes_at is not None
    assert item == {
        "type": "ltiResourceLink",
        "url": "http://localhost:8000/lti/launch/?to=assignment",
        "title": "Loops <b>&</b> 🎓",
        "text": "Two functions.",
        "custom": {"carrel_kind": "assignment", "carrel_id": str(homework.pk), "carrel_name": "ps1"},
        "window": {"targetName": "_blank"},
        "lineItem": {
            "label": "Loops <b>&</b> 🎓",
            "scoreMaximum": 10,
            "resourceId": str(homework.pk),
            "tag": "assignment",
        },
        "available": {"startDateTime": homework.opens_at.isoformat()},
        "submission": {"endDateTime": homework.closes_at.isoformat()},
    }


def test_several_go_back_at_once(browser: Browser, homework: Assignment, lesson: Lesson) -> None:
    keys = ["class", f"assignment:{homework.pk}", f"lesson:{lesson.pk}"]

    items = items_in(browser, choose(browser, picker(browser), *keys))

    assert [item["title"] for item in items] == ["Statistics", "Loops <b>&</b> 🎓", "First steps"]
    assert ["lineItem" in item for item in items] == [False, True, False]


def test_platform_without_columns_gets_none(browser: Browser, homework: Assignment) -> None:
    url = picker(browser, settings={"accept_lineitem": False})

    (item,) = items_in(browser, choose(browser, url, f"assignment:{homework.pk}"))

    assert "lineItem" not in item


def test_cancelling_sends_nothing_chosen(browser: Browser, course: Course) -> None:
    response = browser.client.post(picker(browser), {"do": "cancel", "item": ["class"]})

    assert items_in(browser, response) == []


def test_answer_leads_to_the_platform_and_nowhere_else(browser: Browser, course: Course) -> None:
    response = choose(browser, picker(browser), "class")

    page = response.content.decode()
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if part)
    assert 'action="https://campus.example.org/return?sesskey=a&amp;course=2"' in page
    assert policy["form-action"] == "https://campus.example.org"
    assert set(policy["frame-ancestors"].split()) == {browser.lms.issuer, "https://campus.example.org"}
    assert "X-Frame-Options" not in response


# --- Once, and in this browser ------------------------------------------------------------------------------


def test_second_click_gets_the_same_answer(browser: Browser, course: Course) -> None:
    url = picker(browser)

    first, second = choose(browser, url, "class"), choose(browser, url, "class")

    assert token_of(first) == token_of(second)


def test_choice_is_noted_once(browser: Browser, course: Course) -> None:
    url = picker(browser)

    choose(browser, url, "class")
    choose(browser, url, "class")

    (entry,) = AuditEntry.objects.filter(what="links_placed")
    assert entry.facts == {"context": "Statistics", "count": 1}


def test_second_choice_is_refused(browser: Browser, course: Course, lesson: Lesson) -> None:
    url = picker(browser)
    choose(browser, url, "class")

    response = choose(browser, url, f"lesson:{lesson.pk}")

    assert response.status_code == 409
    assert "You have chosen here already." in response.content.decode()
    assert browser.client.get(url).status_code == 409


def test_same_choice_is_refused_later(browser: Browser, course: Course) -> None:
    url = picker(browser)
    choose(browser, url, "class")
    Picking.objects.update(answered_at=timezone.now() - timedelta(minutes=3))

    assert choose(browser, url, "class").status_code == 409


def test_two_pickers_do_not_mix(browser: Browser, homework: Assignment) -> None:
    first = picker(browser, settings={"data": "first"})
    second = picker(browser, settings={"data": "second", "accept_multiple": False})

    answers = [choose(browser, first, "class"), choose(browser, second, f"assignment:{homework.pk}")]

    told = [said_in(browser, answer) for answer in answers]
    assert [said[f"{DEEP_LINKING_CLAIM}data"] for said in told] == ["first", "second"]
    assert told[0]["nonce"] != told[1]["nonce"]


def test_picker_is_of_one_browser(browser: Browser, course: Course) -> None:
    url = picker(browser)
    other = Browser(browser.lms)
    other.begin()

    assert other.client.get(url).status_code == 401
    assert Browser(browser.lms).client.get(url).status_code == 401


def test_picker_ends_after_an_hour(browser: Browser, course: Course) -> None:
    url = picker(browser)
    Picking.objects.update(expires_at=timezone.now())

    assert browser.client.get(url).status_code == 401
    assert choose(browser, url, "class").status_code == 401


def test_what_opens_a_picker_is_not_kept(browser: Browser, course: Course) -> None:
    url = picker(browser)

    kept = Picking.objects.values().get()
    known = {url.split("/")[-2], browser.client.cookies[settings.LTI_COOKIE_NAME].value}
    assert not known & {str(value) for value in kept.values()}


def test_picker_of_a_platform_that_was_switched_off_is_refused(browser: Browser, course: Course) -> None:
    url = picker(browser)
    Platform.objects.update(state=Platform.State.DISABLED)

    assert choose(browser, url, "class").status_code == 403


# --- Who may ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [[STUDENT], [TEACHER, ASSISTANT], []], ids=["student", "assistant", "nobody"])
def test_only_teachers_choose(browser: Browser, course: Course, roles: list[str]) -> None:
    response = asking(browser, roles=roles)

    assert response.status_code == 403
    assert "is chosen by its teachers" in response.content.decode()
    assert (Picking.objects.count(), LtiPerson.objects.count()) == (0, 0)


def test_teacher_who_is_a_student_here_does_not_choose(browser: Browser, course: Course) -> None:
    url = picker(browser)
    change_role(course.memberships.get(person=LtiPerson.objects.get().user), Role.STUDENT, now=timezone.now())

    assert browser.client.get(url).status_code == 403
    assert choose(browser, url, "class").status_code == 403


def test_teacher_who_is_one_no_more_does_not_choose(browser: Browser, course: Course) -> None:
    url = picker(browser)
    browser.launch(roles=[STUDENT])

    assert choose(browser, url, "class").status_code == 403


def test_account_that_was_closed_does_not_choose(browser: Browser, course: Course) -> None:
    url = picker(browser)
    User.objects.filter(lti_people__isnull=False).update(is_active=False)

    assert choose(browser, url, "class").status_code == 403


def test_made_up_person_does_not_choose(browser: Browser, course: Course) -> None:
    test_person = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"

    assert asking(browser, roles=[TEACHER, test_person]).status_code == 403


# --- What may be asked for ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"settings": {"accept_types": ["file", "html"]}}, 400, "Nothing that Carrel has can be added"),
        ({"settings": {"accept_types": []}}, 400, ""),
        ({"settings": {"accept_types": "ltiResourceLink"}}, 400, ""),
        ({"context": None}, 400, "does not say for which course"),
        ({"settings": {"deep_link_return_url": "javascript:alert(1)"}}, 400, "return to that is not safe"),
        ({"settings": {"deep_link_return_url": "//campus.example.org/"}}, 400, "return to that is not safe"),
        ({"settings": {"data": "a\x00b"}}, 400, ""),
    ],
)
def test_request_that_makes_no_sense_is_refused(
    browser: Browser, course: Course, changes: dict[str, Any], status: int, words: str
) -> None:
    response = asking(browser, **changes)

    assert response.status_code == status
    assert words in response.content.decode()
    assert Picking.objects.count() == 0


@pytest.mark.parametrize("accepts", [False, None, "no"])
def test_one_at_a_time_where_the_platform_takes_one(browser: Browser, lesson: Lesson, accepts: Any) -> None:
    url = picker(browser, settings={"accept_multiple": accepts})

    assert 'type="checkbox"' not in browser.client.get(url).content.decode()
    assert choose(browser, url, "class", f"lesson:{lesson.pk}").status_code == 422
    assert len(items_in(browser, choose(browser, url, "class"))) == 1


def test_at_most_fifty_at_a_time(browser: Browser, course: Course) -> None:
    keys = [f"lesson:{LessonFactory.create(course=course).pk}" for _ in range(51)]

    response = choose(browser, picker(browser), *keys)

    assert response.status_code == 422
    assert "At most 50" in response.content.decode()


def test_nothing_chosen_is_said(browser: Browser, course: Course) -> None:
    response = choose(browser, picker(browser))

    assert response.status_code == 422
    assert "Choose something first." in response.content.decode()


@pytest.mark.parametrize("forged", ["lesson:{other}", "environment:{other}", "assignment:nonsense", "<script>"])
def test_only_what_is_offered_can_be_chosen(browser: Browser, course: Course, forged: str) -> None:
    url = picker(browser)
    other = LessonFactory.create()

    assert choose(browser, url, "class", forged.format(other=other.pk)).status_code == 422


def test_class_that_was_deleted_meanwhile(browser: Browser, course: Course) -> None:
    url = picker(browser)
    Course.objects.update(deleted_at=timezone.now())

    response = choose(browser, url, "class")

    assert response.status_code == 409
    assert "was deleted" in response.content.decode()
    assert items_in(browser, browser.client.post(url, {"do": "cancel"})) == []


def test_long_ids_and_names_are_taken(browser: Browser, course: Course) -> None:
    Context.objects.update(context_id="c" * 200)

    url = picker(browser, sub="s" * 200, context={"id": "c" * 200, "title": "<i>" + "🎓" * 300})

    assert "&lt;i&gt;🎓" in browser.client.get(url).content.decode()


# --- A course that is no class yet --------------------------------------------------------------------------


def test_unknown_course_becomes_a_class_first(browser: Browser) -> None:
    url = picker(browser)

    page = browser.client.get(url).content.decode()

    assert "“Statistics” has no class here yet" in page
    assert 'action="/lti/enter/" target="_blank"' in page
    assert Course.objects.count() == 0


def test_picker_goes_on_once_the_course_is_a_class(browser: Browser, teacher: User) -> None:
    url = picker(browser)
    browser.client.get(url)
    Context.objects.update(course=CourseFactory.create(title="Statistics", owner=teacher))

    waiting = browser.client.get(url, headers={"HX-Request": "true"})

    assert waiting["HX-Refresh"] == "true"
    assert len(items_in(browser, choose(browser, url, "class"))) == 1


def test_teacher_comes_into_the_class_that_a_colleague_has_connected(browser: Browser, teacher: User) -> None:
    url = picker(browser)
    course = CourseFactory.create(owner=teacher)
    Context.objects.update(course=course)

    browser.client.get(url)

    assert course.memberships.get(person=LtiPerson.objects.get().user).role == Role.TEACHER


def test_waiting_page_refreshes_its_way_out(browser: Browser) -> None:
    url = picker(browser)

    part = browser.client.get(url, headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in part
    assert 'name="token"' in part
