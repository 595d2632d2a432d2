"""How often a person's programs may ask, and how they are told when that was too often."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from accounts.models import User
from tests.environments.api_client import SERVERS, browser_of, program_of

pytestmark = pytest.mark.usefixtures("fake_backends")


def test_launch_too_often_is_refused_with_how_long_to_wait(settings: Settings, student: User) -> None:
    settings.API_LAUNCHES_PER_MINUTE = 2
    program = program_of(student)

    answers = [program.post(SERVERS, {}, format="json") for _number in range(3)]

    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert answers[2].json()["code"] == "throttled"
    assert set(answers[2].json()) == {"code", "message", "next_step"}
    assert 0 < int(answers[2]["Retry-After"]) <= 60


def test_launch_too_often_leaves_all_else_open(settings: Settings, student: User, stranger: User) -> None:
    settings.API_LAUNCHES_PER_MINUTE = 1
    program = program_of(student)

    for _number in range(2):
        program.post(SERVERS, {}, format="json")

    assert program.get(SERVERS).status_code == 200
    assert program_of(stranger).post(SERVERS, {}, format="json").status_code == 400


def test_ask_too_often_is_refused_whichever_way_one_is_signed_in(settings: Settings, student: User) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2

    answers = [client.get(SERVERS).status_code for client in (program_of(student), program_of(student))]
    answers.append(browser_of(student).get(SERVERS).status_code)

    assert answers == [200, 200, 429]


def test_ask_as_often_as_one_likes_without_a_limit(settings: Settings, student: User) -> None:
    settings.API_REQUESTS_PER_MINUTE = settings.API_LAUNCHES_PER_MINUTE = 0
    program = program_of(student)

    answers = {program.post(SERVERS, {}, format="json").status_code for _number in range(40)}

    assert answers == {400}


def test_ask_is_answered_while_nothing_can_count(settings: Settings, student: User) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
            "OPTIONS": {"socket_connect_timeout": 1},
        }
    }

    assert program_of(student).get(SERVERS).status_code == 200
