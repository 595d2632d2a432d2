"""How many names and codes that do not exist one person may try: enough to err, too few to find any out."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache

from accounts.models import User
from classes.errors import CourseError

MAX_MISSES = 20
MISSES_REMEMBERED = timedelta(hours=1)


def check_guesses(person: User) -> None:
    """Raise CourseError `people_guessed_too_often` for somebody who missed too often lately."""
    if cache.get(_key(person), 0) >= MAX_MISSES:
        raise CourseError("people_guessed_too_often")


def count_miss(person: User) -> None:
    """Remember that this person tried what does not exist."""
    cache.add(_key(person), 0, MISSES_REMEMBERED.total_seconds())
    try:
        cache.incr(_key(person))
    except ValueError:  # Forgotten in this very moment.
        cache.set(_key(person), 1, MISSES_REMEMBERED.total_seconds())


def _key(person: User) -> str:
    return f"class-guesses:{person.pk}"
