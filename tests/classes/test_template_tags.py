"""When things are, as the pages of a class say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone, translation

from classes.models import Lesson
from classes.templatetags.classes import lesson_time, moment

AN_HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, ">today, 09:00<"),
        (1, ">tomorrow, 09:00<"),
        (-1, ">yesterday, 09:00<"),
        (7, ">Mon 9 March, 09:00<"),
        (365, ">2 March 2027, 09:00<"),
    ],
)
def test_moment_is_told_as_people_say_it(now: datetime, days: int, words: str) -> None:
    assert words in moment(now + timedelta(days=days), now=now)


def test_moment_is_told_in_the_zone_of_the_reader(now: datetime) -> None:
    with timezone.override("Pacific/Kiritimati"):
        words = moment(now + 2 * AN_HOUR, now=now)

    assert ">tomorrow, 01:00<" in words


def test_moment_is_told_in_french(now: datetime) -> None:
    with translation.override("fr"):
        assert "9 mars" in moment(now + timedelta(days=7), now=now)


def test_lesson_time_has_its_end(now: datetime) -> None:
    lesson = Lesson(starts_at=now, ends_at=now + AN_HOUR)

    assert ">today, 09:00–10:00<" in lesson_time(lesson, now=now)


def test_lesson_time_has_the_day_of_its_end_where_that_is_another(now: datetime) -> None:
    lesson = Lesson(starts_at=now, ends_at=now + 25 * AN_HOUR)

    assert ">today, 09:00 – tomorrow, 10:00<" in lesson_time(lesson, now=now)


def test_lesson_time_is_empty_without_a_date() -> None:
    assert lesson_time(Lesson(), now=datetime(2026, 3, 2, tzinfo=UTC)) == ""
