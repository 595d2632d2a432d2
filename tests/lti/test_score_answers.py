"""What an answer to a grade means, and when a grade is sent: tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from lti.passback.answers import Meaning, is_same, meaning_of, seconds_asked
from lti.passback.times import LONGEST_ASKED, LONGEST_WAIT, overtaking, stamp_of, wait_after

AT = datetime(2026, 3, 2, 9, 0, 7, 654321, tzinfo=UTC)
WHOLE = AT.replace(microsecond=0)
SECOND = timedelta(seconds=1)
EARLIER = b'{"reason": "Refusing score with an earlier timestamp for item"}'

ANSWERS = [
    (200, {}, b"", Meaning.TAKEN),
    (201, {}, b"{}", Meaning.TAKEN),
    (202, {}, b"", Meaning.TAKEN),
    (204, {}, b"", Meaning.TAKEN),
    (200, {}, b"\n <!DOCTYPE html>", Meaning.UNANSWERED),
    (302, {"location": "/login"}, b"", Meaning.UNANSWERED),
    (400, {}, b'{"reason": "Incorrect score received"}', Meaning.REFUSED),
    (400, {}, EARLIER, Meaning.STALE),
    (400, {}, b"Score already exists for the provided timestamp.", Meaning.STALE),
    (401, {}, b"", Meaning.NOT_ALLOWED),
    (403, {}, b"", Meaning.REFUSED),
    (403, {"x-rate-limit-remaining": "0.0"}, b"", Meaning.BUSY),
    (403, {"x-ratelimit-remaining": "0"}, b"", Meaning.BUSY),
    (403, {"x-rate-limit-remaining": "412.5"}, b"", Meaning.REFUSED),
    (403, {"x-rate-limit-remaining": "none"}, b"", Meaning.REFUSED),
    (404, {}, b"", Meaning.GONE),
    (408, {}, b"", Meaning.UNANSWERED),
    (409, {}, b"", Meaning.STALE),
    (410, {}, b"", Meaning.GONE),
    (415, {}, b"", Meaning.REFUSED),
    (422, {}, b"", Meaning.REFUSED),
    (429, {}, b"", Meaning.BUSY),
    (500, {}, b"", Meaning.BROKEN),
    (501, {}, b"", Meaning.UNANSWERED),
    (502, {}, b"", Meaning.UNANSWERED),
    (503, {}, b"", Meaning.UNANSWERED),
    (504, {}, b"", Meaning.UNANSWERED),
]


@pytest.mark.parametrize(("status", "headers", "body", "meaning"), ANSWERS)
def test_answer_means(status: int, headers: dict[str, str], body: bytes, meaning: Meaning) -> None:
    assert meaning_of(status, headers=headers, body=body) == meaning


@pytest.mark.parametrize(
    ("points", "maximum", "shown", "shown_maximum", "expected"),
    [
        ("8", "10", "8.0", "10", True),
        ("55", "100", "5.5", "10", True),
        ("1", "3", "33.33333", "100", True),
        ("8", "10", "9", "10", False),
        ("12", "10", "10", "10", True),  # Moodle cuts off what is beyond full.
        ("12", "10", "12", "10", True),
        ("0", "10", "0", "10", True),
        ("8", "0", "8", "10", False),
        ("8", "10", "8", "0", False),
    ],
)
def test_grade_is_the_same_in_another_scale(
    points: str, maximum: str, shown: str, shown_maximum: str, expected: bool
) -> None:
    same = is_same(Decimal(points), Decimal(maximum), shown=Decimal(shown), shown_maximum=Decimal(shown_maximum))

    assert same is expected


@pytest.mark.parametrize(("said", "seconds"), [("30", 30.0), ("", 0.0), ("Wed, 21 Oct", 0.0), ("-1", 0.0), ("٣", 0.0)])
def test_seconds_asked(said: str, seconds: float) -> None:
    assert seconds_asked({"retry-after": said}) == seconds


@pytest.mark.parametrize(
    ("last", "stamp"),
    [
        (None, WHOLE),
        (WHOLE - timedelta(hours=1), WHOLE),
        (WHOLE - SECOND, WHOLE),
        (WHOLE, WHOLE + SECOND),
        (WHOLE + timedelta(minutes=1), WHOLE + timedelta(seconds=61)),
    ],
)
def test_stamp_is_of_the_grade_and_later_than_the_last(last: datetime | None, stamp: datetime) -> None:
    assert stamp_of(AT, last=last) == stamp


def test_stamp_is_in_universal_time() -> None:
    local = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert stamp_of(local, last=None).isoformat() == "2026-03-02T09:00:07+00:00"


@pytest.mark.parametrize("last", [None, WHOLE - timedelta(days=1), WHOLE - SECOND])
def test_overtaking_makes_the_next_the_present_second(last: datetime | None) -> None:
    assert stamp_of(WHOLE - timedelta(days=2), last=overtaking(last, now=AT)) == WHOLE


def test_overtaking_never_goes_back() -> None:
    assert overtaking(WHOLE + SECOND, now=AT) == WHOLE + SECOND


@pytest.mark.parametrize(
    ("failures", "jitter", "seconds"), [(1, 1.0, 15), (1, 0.0, 7.5), (2, 1.0, 30), (3, 1.0, 60), (9, 1.0, 600)]
)
def test_waits_grow(failures: int, jitter: float, seconds: float) -> None:
    assert wait_after(failures, jitter=jitter).total_seconds() == seconds


def test_wait_is_bounded() -> None:
    assert wait_after(10**6, jitter=1.0) == LONGEST_WAIT
    assert wait_after(1, jitter=1.0, asked=1e300) == LONGEST_ASKED


def test_platform_is_left_alone_as_long_as_it_asks() -> None:
    assert wait_after(1, jitter=0.0, asked=1800).total_seconds() == 1800
