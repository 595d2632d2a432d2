"""A teacher has a link lead to something else, and what becomes of the grades in its column."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from assignments.models import Assignment
from classes.models import Course, Lesson
from lti.errors import LtiError
from lti.linking.offers import Offer, offers_of
from lti.models import AuditEntry, LineItem, ResourceLink
from lti.passback import outbox
from lti.relinking import Effects, effects_of, lead
from lti.targets import Kind, Target
from tests.factories import AssignmentFactory, LessonFactory, released
from tests.lti.graded import Lectures
from tests.lti.platforms import TEACHER, Browser

GONE = Target(Kind.LESSON, name="A lesson that was deleted")


def offer_of(course: Course, user: User, one: Assignment | Lesson) -> Offer:
    offers = offers_of(course, user, now=timezone.now())
    return next(offer for offer in offers if offer.target.id == one.pk)


def lead_to(link: ResourceLink, one: Assignment | Lesson, *, by: User) -> Effects:
    """Have it lead there, by somebody who has seen what that does."""
    course = one.course
    offer, now = offer_of(course, by, one), timezone.now()
    effects = effects_of(link, offer)
    lead(link, offer, course=course, seen=effects.fingerprint, by=by, now=now)
    return effects


# --- Where it leads then ------------------------------------------------------------------------------------


@pytest.fixture
def lesson(course: Course) -> Lesson:
    return LessonFactory.create(course=course, title="Loops")


@pytest.fixture
def lost(browser: Browser, course: Course) -> ResourceLink:
    """A link that somebody has opened, to what the class has not."""
    browser.launch(custom=GONE.custom)
    return ResourceLink.objects.get()


def test_link_leads_to_what_was_chosen_here(
    browser: Browser, lost: ResourceLink, lesson: Lesson, teacher: User
) -> None:
    lead_to(lost, lesson, by=teacher)

    response = browser.launch(custom=GONE.custom)

    assert response["Location"] == f"/classes/{lesson.course.slug}/lessons/{lesson.pk}/"


def test_choice_ends_once_the_platform_says_something_new(
    browser: Browser, lost: ResourceLink, lesson: Lesson, teacher: User
) -> None:
    lead_to(lost, lesson, by=teacher)
    other = LessonFactory.create(course=lesson.course, title="Functions")

    response = browser.launch(custom=Target(Kind.LESSON, other.pk).custom)

    assert response["Location"].endswith(f"/lessons/{other.pk}/")
    lost.refresh_from_db()
    assert lost.chosen == {}


def test_choosing_what_the_platform_says_ends_the_choice(browser: Browser, lesson: Lesson, teacher: User) -> None:
    browser.launch(custom=Target(Kind.LESSON, lesson.pk).custom)
    link = ResourceLink.objects.get()
    lead_to(link, LessonFactory.create(course=lesson.course), by=teacher)

    lead_to(link, lesson, by=teacher)

    link.refresh_from_db()
    assert link.chosen == {}


def test_class_is_chosen_over_the_address_that_a_link_names(browser: Browser, course: Course, teacher: User) -> None:
    address = f"http://localhost:8000/classes/{course.slug}/lessons/"
    browser.launch(target_link_uri=address)
    link = ResourceLink.objects.get()
    offer = offers_of(course, teacher, now=timezone.now())[0]

    lead(link, offer, course=course, seen=effects_of(link, offer).fingerprint, by=teacher, now=timezone.now())

    assert browser.launch(target_link_uri=address)["Location"] == f"/classes/{course.slug}/"


def test_chosen_assignment_is_that_of_the_link_from_then_on(
    browser: Browser, lost: ResourceLink, course: Course, teacher: User
) -> None:
    homework = AssignmentFactory.create(course=course)
    released(homework)

    lead_to(lost, homework, by=teacher)
    browser.launch(custom=GONE.custom)

    lost.refresh_from_db()
    assert lost.assignment == homework


def test_choice_is_noted(lost: ResourceLink, lesson: Lesson, teacher: User) -> None:
    lead_to(lost, lesson, by=teacher)

    entry = AuditEntry.objects.get(what="link_led")
    assert (entry.actor, entry.platform) == (teacher, lost.context.deployment.platform)
    assert entry.facts == {"link": "First steps", "context": "Statistics", "target": "Loops"}


def test_link_of_a_course_that_is_the_class_no_more_stays_as_it_is(
    lost: ResourceLink, lesson: Lesson, teacher: User
) -> None:
    offer = offer_of(lesson.course, teacher, lesson)
    seen = effects_of(lost, offer).fingerprint
    lesson.course.lti_contexts.update(course=None)

    with pytest.raises(LtiError, match="link_moved"):
        lead(lost, offer, course=lesson.course, seen=seen, by=teacher, now=timezone.now())

    lost.refresh_from_db()
    assert lost.chosen == {}


# --- Grades -------------------------------------------------------------------------------------------------


@pytest.fixture
def second(lectures: Lectures) -> Assignment:
    """Another assignment of the class."""
    return AssignmentFactory.create(course=lectures.course, name="functions", title="Functions")


def linked_and_sent(lectures: Lectures) -> ResourceLink:
    """A link to the first assignment, in whose column Ada has 8 and Ben has 3."""
    lectures.link(title="Week 1", maximum=10, resource_id=str(lectures.assignment.pk))
    for name, points in (("ada", 8), ("ben", 3)):
        lectures.graded(name, points)
    lectures.send()
    lectures.clock.pass_(minutes=1)
    return lectures.context.resource_links.get()


def grade_second(lectures: Lectures, second: Assignment) -> None:
    """Ada has 5 for the other assignment, and knows it."""
    ada = lectures.course.memberships.get(person__username="ada")
    lectures.grade(ada, 5, assignment=second)
    lectures.publish(second)


def delete(assignment: Assignment) -> None:
    Assignment.objects.filter(pk=assignment.pk).update(deleted_at=timezone.now())


def shown(lectures: Lectures) -> list[dict[str, float]]:
    """What stands in each column over there."""
    return [column["shown"] for column in lectures.columns()]


def test_column_gets_the_grades_of_what_was_chosen(lectures: Lectures, second: Assignment) -> None:
    link = linked_and_sent(lectures)
    delete(lectures.assignment)
    grade_second(lectures, second)

    effects = lead_to(link, second, by=lectures.teacher)
    lectures.send()

    assert shown(lectures) == [{"ada": 5, "ben": 3}]
    (former,) = effects.formers
    assert (effects.is_filled, former.title, former.sent, former.has_another) == (True, "Loops", 2, False)


def test_grade_of_before_that_waits_is_not_sent_over_the_new_one(lectures: Lectures, second: Assignment) -> None:
    link = linked_and_sent(lectures)
    grade_second(lectures, second)
    lectures.grade(lectures.course.memberships.get(person__username="ada"), 9)
    lectures.publish()
    delete(lectures.assignment)

    lead_to(link, second, by=lectures.teacher)
    lectures.send()
    lectures.clock.pass_(minutes=1)
    lectures.send()

    assert shown(lectures) == [{"ada": 5, "ben": 3}]


def test_assignment_that_has_lost_its_column_is_given_one_of_its_own(lectures: Lectures, second: Assignment) -> None:
    link = linked_and_sent(lectures)
    grade_second(lectures, second)

    effects = lead_to(link, second, by=lectures.teacher)
    lectures.send()

    assert [former.has_another for former in effects.formers] == [True]
    assert sorted(shown(lectures), key=lambda column: column["ada"]) == [{"ada": 5, "ben": 3}, {"ada": 8, "ben": 3}]


def test_lesson_leaves_the_column_as_it_is(lectures: Lectures) -> None:
    link = linked_and_sent(lectures)
    delete(lectures.assignment)

    effects = lead_to(link, LessonFactory.create(course=lectures.course), by=lectures.teacher)
    lectures.send()

    assert not effects.is_filled
    assert shown(lectures) == [{"ada": 8, "ben": 3}]
    assert not LineItem.objects.exists()


def test_assignment_that_fills_another_link_goes_on_doing_so(lectures: Lectures, second: Assignment) -> None:
    link = linked_and_sent(lectures)
    other = lectures.campus.activity("Week 2", 10)
    lectures.context.resource_links.create(
        resource_link_id="other", assignment=second, line_item_url=other["line_item"]
    )
    grade_second(lectures, second)
    lectures.send()
    delete(lectures.assignment)

    effects = lead_to(link, second, by=lectures.teacher)
    lectures.send()

    assert (effects.is_filled, effects.is_linked_already) == (False, True)
    assert shown(lectures) == [{"ada": 8, "ben": 3}, {"ada": 5}]


def test_column_that_we_made_for_it_is_left(lectures: Lectures, second: Assignment) -> None:
    link = linked_and_sent(lectures)
    grade_second(lectures, second)
    lectures.send()
    lectures.clock.pass_(minutes=1)
    delete(lectures.assignment)

    effects = lead_to(link, second, by=lectures.teacher)
    lectures.send()

    assert effects.has_left_one
    assert shown(lectures) == [{"ada": 5, "ben": 3}, {"ada": 5}]
    assert LineItem.objects.get(assignment=second).has_left_one


def test_link_without_a_column_moves_no_grades(lectures: Lectures, second: Assignment) -> None:
    link = lectures.context.resource_links.create(resource_link_id="1", target=GONE.custom)
    grade = lectures.graded("ada")

    effects = lead_to(link, second, by=lectures.teacher)

    assert effects == Effects("")
    assert LineItem.objects.get() == grade.line_item


def test_what_nobody_has_been_told_is_not_done(lectures: Lectures, second: Assignment) -> None:
    link = linked_and_sent(lectures)
    offer = offer_of(lectures.course, lectures.teacher, second)
    seen = effects_of(link, offer).fingerprint
    delete(lectures.assignment)

    with pytest.raises(LtiError, match="link_moved"):
        lead(link, offer, course=lectures.course, seen=seen, by=lectures.teacher, now=timezone.now())

    link.refresh_from_db()
    assert (link.chosen, link.assignment) == ({}, lectures.assignment)


def test_link_that_its_platform_has_lead_elsewhere_gives_its_column_along(
    lectures: Lectures, second: Assignment
) -> None:
    link = linked_and_sent(lectures)
    grade_second(lectures, second)
    link.assignment = second
    link.save()

    outbox.note_link(link)
    lectures.send()

    assert shown(lectures)[0] == {"ada": 5, "ben": 3}
    assert not LineItem.objects.filter(assignment=lectures.assignment, url=link.line_item_url).exists()


# --- The pages ----------------------------------------------------------------------------------------------


@pytest.fixture
def here(course: Course, teacher: User, client: Client) -> Client:
    """A teacher of the class, signed in."""
    client.force_login(teacher)
    return client


def page_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()


def test_teacher_is_led_from_the_lost_link_to_the_choice(browser: Browser, lost: ResourceLink, course: Course) -> None:
    choice = f"/lti/classes/{course.slug}/links/{lost.pk}/"

    url = browser.launch(custom=GONE.custom, roles=[TEACHER])["Location"]

    assert choice in page_of(browser.client, url)
    assert choice in page_of(browser.client, f"/lti/classes/{course.slug}/")


def test_choosing_asks_before_anything_changes(here: Client, lost: ResourceLink, lesson: Lesson) -> None:
    choice = f"/lti/classes/{lesson.course.slug}/links/{lost.pk}/"

    response = here.get(choice, {"item": f"lesson:{lesson.pk}", "do": "choose"})

    assert response["Location"] == f"{choice}lead/?to=lesson%3A{lesson.pk}"
    assert "to “Loops”?" in page_of(here, response["Location"])
    lost.refresh_from_db()
    assert lost.chosen == {}


def test_page_of_the_choice_says_what_the_link_leads_to_now(
    here: Client, lost: ResourceLink, lesson: Lesson, teacher: User
) -> None:
    choice = f"/lti/classes/{lesson.course.slug}/links/{lost.pk}/"
    before = page_of(here, choice)
    seen = effects_of(lost, offer_of(lesson.course, teacher, lesson)).fingerprint

    here.post(f"{choice}lead/?to=lesson:{lesson.pk}", {"seen": seen})

    assert "It leads to nothing in this class now." in before
    assert "It leads to “Loops” now." in page_of(here, choice)


@pytest.mark.parametrize("page", ["", "lead/?to=class"])
def test_pages_ask_a_few_questions_however_much_there_is(
    here: Client,
    lost: ResourceLink,
    course: Course,
    page: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(20):
        LessonFactory.create(course=course)
        lost.context.resource_links.create(resource_link_id=f"of {number}", target=GONE.custom)

    with django_assert_max_num_queries(14):
        here.get(f"/lti/classes/{course.slug}/links/{lost.pk}/{page}")


def test_button_has_it_lead_there(here: Client, lost: ResourceLink, lesson: Lesson, teacher: User) -> None:
    url = f"/lti/classes/{lesson.course.slug}/links/{lost.pk}/lead/?to=lesson:{lesson.pk}"
    seen = effects_of(lost, offer_of(lesson.course, teacher, lesson)).fingerprint

    response = here.post(url, {"seen": seen})

    assert response["Location"] == f"/lti/classes/{lesson.course.slug}/"
    page = page_of(here, response["Location"])
    assert "“First steps” leads to “Loops” now." in page
    assert "chosen here" in page


def test_page_says_whose_grades_stand_in_the_column(lectures: Lectures, second: Assignment, client: Client) -> None:
    link = linked_and_sent(lectures)
    client.force_login(lectures.teacher)

    page = page_of(client, f"/lti/classes/computing/links/{link.pk}/lead/?to=assignment:{second.pk}")

    assert "was that of “Loops”" in page
    assert "2 grades of it stand there." in page
    assert "The grades of “Functions” go into the column of the link" in page


def test_button_does_nothing_that_was_not_told(here: Client, lost: ResourceLink, lesson: Lesson) -> None:
    url = f"/lti/classes/{lesson.course.slug}/links/{lost.pk}/lead/?to=lesson:{lesson.pk}"

    response = here.post(url, {"seen": "something else"})

    assert response.status_code == 409
    assert "has changed meanwhile" in response.content.decode()
    lost.refresh_from_db()
    assert lost.chosen == {}


@pytest.mark.parametrize("item", ["", "lesson:of-another-class"])
def test_choosing_nothing_is_said(here: Client, lost: ResourceLink, course: Course, item: str) -> None:
    response = here.get(f"/lti/classes/{course.slug}/links/{lost.pk}/", {"do": "choose", "item": item})

    assert response.status_code == 422


def test_way_back_is_shown_where_nothing_has_the_words(here: Client, lost: ResourceLink, course: Course) -> None:
    page = page_of(here, f"/lti/classes/{course.slug}/links/{lost.pk}/?words=zzz&do=find")

    assert "Show everything" in page
    assert "Go on" not in page


def test_what_another_class_has_cannot_be_led_to(here: Client, lost: ResourceLink, course: Course) -> None:
    other = LessonFactory.create()

    response = here.post(f"/lti/classes/{course.slug}/links/{lost.pk}/lead/?to=lesson:{other.pk}")

    assert response["Location"] == f"/lti/classes/{course.slug}/links/{lost.pk}/"


def test_class_that_is_over_is_not_changed(here: Client, lost: ResourceLink, course: Course) -> None:
    Course.objects.update(archived_at=timezone.now())

    assert here.get(f"/lti/classes/{course.slug}/links/{lost.pk}/").status_code == 403
    assert "Choose…" not in page_of(here, f"/lti/classes/{course.slug}/")
