"""Platforms that are not Moodle, as far as they are known: a launch, the people of the course, and a grade."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from classes.models import Role
from lti.rosters import syncing
from lti.targets import Kind, Target
from tests.fakes.lms.client import LmsProcess
from tests.fakes.lms.profiles import PROFILES
from tests.lti.campus import COURSE, Campus, enter
from tests.lti.graded import Lectures, lectures_at


@pytest.fixture(params=sorted(PROFILES))
def elsewhere(lms_process: LmsProcess, settings: Settings, db: None, request: pytest.FixtureRequest) -> Lectures:
    """A class that is the course of one of them. Where people and grades are, it has not said yet."""
    settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1"]
    cache.clear()
    lms_process.reset()
    lms_process.do("profile", name=request.param)
    lms_process.do("quirk", page_size=2)  # So that lists of people have several pages.
    quirks = PROFILES[request.param]
    campus = enter(lms_process)
    campus.platform.issuer = quirks.issuer or lms_process.url
    campus.platform.audience = quirks.audience if "//" in quirks.audience else ""
    campus.platform.save()
    lectures = lectures_at(campus)
    lectures.context.context_id = quirks.identifier("course", COURSE)
    lectures.context.memberships_url = lectures.context.line_items_url = ""
    lectures.context.save()
    return lectures


def launched(campus: Campus, username: str, activity: int) -> str:
    """Somebody clicks. Returns where they are sent."""
    client, theirs = Client(), campus.lms.browser(username)
    login = theirs.open(activity)
    begun = (client.get if login.method == "GET" else client.post)(urlsplit(login.url).path, login.fields)
    launch = theirs.answer(begun["Location"])
    answer = client.post(urlsplit(launch.url).path, launch.fields)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def test_people_come_their_course_is_listed_and_a_grade_arrives(elsewhere: Lectures) -> None:
    campus, course = elsewhere.campus, elsewhere.course
    link = campus.activity(custom=Target(Kind.ASSIGNMENT, name=elsewhere.assignment.name).custom)
    pages = {launched(campus, username, link["id"]) for username in ("tess", "ada")}
    elsewhere.context.refresh_from_db()

    syncing.sync(elsewhere.context, now=timezone.now())
    ada = course.memberships.get(person__lti_people__sub=campus.sub("ada"))
    elsewhere.grade(ada, 8)
    elsewhere.publish()
    elsewhere.send()

    assert all(page.startswith(f"/classes/{course.slug}/") for page in pages)
    teachers = course.memberships.filter(role=Role.TEACHER, person__lti_people__sub=campus.sub("tess"))
    assert (teachers.count(), course.memberships.filter(person__lti_people__sub=campus.sub("ben")).count()) == (1, 1)
    assert elsewhere.shown("ada") == 8
