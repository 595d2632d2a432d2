"""A platform, a browser, and a class that one of the platform's courses is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from classes.members import admit
from classes.models import Course, Role
from lti.models import Platform
from tests.factories import CourseFactory
from tests.fakes.lms.client import LmsProcess
from tests.lti.campus import Campus, enter
from tests.lti.graded import Lectures, lectures_at
from tests.lti.platforms import Browser, SmallPlatform, connected


@pytest.fixture(scope="module")
def served() -> Iterator[SmallPlatform]:
    """Making keys takes time, so one server serves a module."""
    with SmallPlatform() as platform:
        yield platform


@pytest.fixture
def lms(served: SmallPlatform, settings: Settings, db: None) -> Iterator[SmallPlatform]:
    """A platform on this machine, which the operator vouches for."""
    settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1"]
    cache.clear()
    key, key_id, published = served.key, served.key_id, served.published
    served.requests.clear()
    yield served
    served.key, served.key_id, served.published = key, key_id, published
    served.recover()
    cache.clear()


@pytest.fixture
def platform(lms: SmallPlatform) -> Platform:
    """As it is registered here."""
    return lms.registered()


@pytest.fixture
def browser(lms: SmallPlatform, platform: Platform) -> Browser:
    """The browser of somebody whom it knows."""
    return Browser(lms)


@pytest.fixture
def course(platform: Platform, teacher: User) -> Course:
    """A class that is the course of its launches."""
    course = CourseFactory.create(title="Statistics", owner=teacher)
    admit(course, teacher, role=Role.TEACHER, now=timezone.now())
    connected(platform, course)
    return course


@pytest.fixture
def campus(lms_process: LmsProcess, settings: Settings, db: None) -> Iterator[Campus]:
    """The pretend LMS, over real HTTP, which the operator vouches for."""
    settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1"]
    cache.clear()
    lms_process.reset()
    yield enter(lms_process)
    lms_process.reset()
    cache.clear()


@pytest.fixture
def lectures(campus: Campus) -> Lectures:
    """A class that is the campus's course, and an assignment of it."""
    return lectures_at(campus)
