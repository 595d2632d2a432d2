"""When an assignment is due and for whom, what lateness costs, and which attempt counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.deadlines import (
    COUNTS_WORDS,
    MAX_MINUTES,
    MAX_TIME_PERCENT,
    SECOND,
    Allowance,
    Attempt,
    Counts,
    LateRule,
    Schedule,
    Standing,
    Step,
    counting,
    dates_for,
    hands_in_itself_at,
    has_forgotten,
    moved,
    on_time_until,
    penalty,
    refusal,
    standing,
)
from assignments.errors import AssignmentError

OPENS = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 12, 12, 0, tzinfo=UTC)
CLOSES = datetime(2026, 11, 15, 12, 0, tzinfo=UTC)
STEPS = LateRule(grace_minutes=10, steps=(Step(10, 90), Step(60, 50), Step(24 * 60, 0)))
BY_DAY = LateRule(percent_per_day=20, keeps_percent=30)
FOREVER = datetime.max.replace(tzinfo=UTC)
WEEK = Schedule(OPENS, DUE, CLOSES, STEPS)

minutes = st.integers(0, 10_000)
moments = st.datetimes(datetime(2026, 10, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
steps = st.lists(
    st.tuples(minutes, st.integers(0, 100)), max_size=5, unique_by=(lambda step: step[0], lambda step: step[1])
).map(
    lambda pairs: tuple(
        Step(after, percent)
        for after, percent in zip(sorted(p[0] for p in pairs), sorted((p[1] for p in pairs), reverse=True), strict=True)
    )
)
rules = st.builds(LateRule, grace_minutes=minutes, steps=steps) | st.builds(
    LateRule, grace_minutes=minutes, percent_per_day=st.integers(0, 100), keeps_percent=st.integers(0, 100)
)
schedules = st.builds(
    lambda dates, **rest: Schedule(*sorted(dates), **rest),
    st.lists(moments, min_size=3, max_size=3),
    late=rules,
    attempts=st.none() | st.integers(0, 5),
    counts=st.sampled_from(Counts),
)
allowances = st.builds(
    Allowance,
    extra_minutes=minutes,
    until=st.none() | moments,
    time_percent=st.integers(100, 300),
    extra_attempts=st.integers(0, 3),
)
several = st.lists(
    st.builds(
        Attempt,
        number=st.integers(1, 1000),
        submitted_at=moments,
        points=st.none() | st.integers(0, 10).map(Decimal),
        is_automatic=st.booleans(),
    ),
    unique_by=lambda attempt: attempt.number,
)


def after(**duration: float) -> datetime:
    return DUE + timedelta(**duration)


def attempt(number: int, submitted_at: datetime, points: int | None = None, *, is_automatic: bool = False) -> Attempt:
    return Attempt(number, submitted_at, None if points is None else Decimal(points), is_automatic)


# --- Due, late, closed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "late_by", "percent"),
    [
        (LateRule(), timedelta(days=300), 100),
        (STEPS, timedelta(0), 100),
        (STEPS, timedelta(minutes=10), 100),
        (STEPS, timedelta(minutes=10, seconds=1), 90),
        (STEPS, timedelta(minutes=60), 90),
        (STEPS, timedelta(minutes=60, seconds=1), 50),
        (STEPS, timedelta(days=1), 50),
        (STEPS, timedelta(days=1, seconds=1), 0),
        (BY_DAY, timedelta(0), 100),
        (BY_DAY, timedelta(seconds=1), 80),
        (BY_DAY, timedelta(days=1), 80),
        (BY_DAY, timedelta(days=1, seconds=1), 60),
        (BY_DAY, timedelta(days=3), 40),
        (BY_DAY, timedelta(days=30), 30),
        (replace(BY_DAY, grace_minutes=5), timedelta(minutes=5), 100),
        (replace(BY_DAY, grace_minutes=5), timedelta(minutes=6), 80),
        (LateRule(steps=(Step(0, 50),)), timedelta(0), 100),
        (LateRule(steps=(Step(0, 50),)), timedelta(seconds=1), 50),
    ],
)
def test_percent_kept(rule: LateRule, late_by: timedelta, percent: int) -> None:
    assert rule.percent_kept(late_by) == percent


@given(rules, st.timedeltas(timedelta(0), timedelta(days=60)), st.timedeltas(timedelta(0), timedelta(days=60)))
def test_percent_kept_never_grows_with_lateness(rule: LateRule, one: timedelta, other: timedelta) -> None:
    assert rule.percent_kept(max(one, other)) <= rule.percent_kept(min(one, other))


@given(rules)
def test_a_rule_is_stored_and_read_again(rule: LateRule) -> None:
    assert LateRule.from_json(rule.as_json()) == rule


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {"steps": 1},
        {"steps": [[1]]},
        {"steps": [[1, 2, 3]]},
        {"steps": [["1", 50]]},
        {"steps": [[10, 50], [10, 40]]},
        {"steps": [[10, 50], [20, 60]]},
        {"steps": [[10, 101]]},
        {"steps": [[-1, 50]]},
        {"steps": [[minute, 100 - minute] for minute in range(21)]},
        {"steps": [[10, 50]], "percent_per_day": 10},
        {"percent_per_day": 1.5},
        {"percent_per_day": True},
        {"keeps_percent": -1},
        {"grace_minutes": 10**12},
    ],
)
def test_from_json_refuses_what_is_no_rule(stored: Any) -> None:
    with pytest.raises(AssignmentError) as caught:
        LateRule.from_json(stored)

    assert caught.value.code == "late_rule_invalid"


@pytest.mark.parametrize(
    ("submitted_at", "expected"),
    [
        (after(days=-1), Standing(timedelta(0), False, 100)),
        (DUE, Standing(timedelta(0), False, 100)),
        (DUE + timedelta(microseconds=999_999), Standing(timedelta(0), False, 100)),
        (DUE + SECOND, Standing(SECOND, False, 100)),
        (after(minutes=10, microseconds=999_999), Standing(timedelta(minutes=10), False, 100)),
        (after(minutes=10, seconds=1), Standing(timedelta(minutes=10, seconds=1), True, 90)),
    ],
)
def test_standing_at_the_second_of_a_deadline(submitted_at: datetime, expected: Standing) -> None:
    assert standing(WEEK, submitted_at) == expected


def test_standing_where_nothing_is_due() -> None:
    assert standing(Schedule(closes_at=CLOSES), CLOSES) == Standing(timedelta(0), False, 100)


def test_standing_in_the_night_a_clock_is_put_back() -> None:
    paris = ZoneInfo("Europe/Paris")
    due = datetime(2026, 10, 25, 2, 30, tzinfo=paris)
    an_hour_later = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=paris)

    assert standing(Schedule(due_at=due), an_hour_later).late_by == timedelta(hours=1)


@pytest.mark.parametrize(
    ("submitted_at", "code"),
    [
        (OPENS - SECOND, "assignment_not_open"),
        (OPENS, ""),
        (CLOSES + timedelta(microseconds=999_999), ""),
        (CLOSES + SECOND, "assignment_closed"),
    ],
)
def test_refusal_by_date(submitted_at: datetime, code: str) -> None:
    refused = refusal(WEEK, attempts=(), now=submitted_at)

    assert (refused.code if refused else "") == code


def test_refusal_of_one_attempt_too_many() -> None:
    once = [attempt(1, OPENS)]
    limited = replace(WEEK, attempts=1)

    refused = refusal(limited, attempts=once, now=DUE)

    assert refused is not None
    assert (refused.code, refused.facts) == ("attempts_used", {"most": 1})
    assert refusal(limited, attempts=once, now=DUE, allowance=Allowance(extra_attempts=1)) is None


def test_refusal_does_not_count_what_was_handed_in_for_somebody() -> None:
    attempts = [attempt(1, DUE, is_automatic=True)]

    assert refusal(replace(WEEK, attempts=1), attempts=attempts, now=DUE + SECOND) is None


def test_dates_never_close_within_the_grace() -> None:
    schedule = Schedule(due_at=DUE, closes_at=DUE, late=LateRule(grace_minutes=10))

    assert dates_for(schedule).closes_at == after(minutes=10)
    assert refusal(schedule, attempts=(), now=after(minutes=10)) is None


@pytest.mark.parametrize(
    "dates",
    [
        {"opens_at": DUE, "due_at": OPENS},
        {"due_at": CLOSES, "closes_at": DUE},
        {"opens_at": CLOSES, "closes_at": DUE},
    ],
)
def test_schedule_refuses_dates_out_of_order(dates: dict[str, Any]) -> None:
    with pytest.raises(AssignmentError) as caught:
        Schedule(**dates)

    assert caught.value.code == "dates_out_of_order"


# --- More time for one person ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowance", "due_at"),
    [
        (Allowance(), DUE),
        (Allowance(extra_minutes=90), after(minutes=90)),
        (Allowance(time_percent=150), DUE + (DUE - OPENS) / 2),
        (Allowance(time_percent=150, extra_minutes=60), DUE + (DUE - OPENS) / 2 + timedelta(hours=1)),
        (Allowance(until=after(days=2)), after(days=2)),
        (Allowance(until=after(days=-2)), DUE),
        (Allowance(until=after(days=1), extra_minutes=3 * 24 * 60), after(days=3)),
    ],
)
def test_dates_move_together_with_an_allowance(allowance: Allowance, due_at: datetime) -> None:
    dates = dates_for(WEEK, allowance)

    assert dates.due_at == due_at
    assert dates.closes_at == CLOSES + (due_at - DUE)
    assert standing(WEEK, due_at, allowance).percent_kept == 100
    assert refusal(WEEK, attempts=(), now=dates.closes_at, allowance=allowance) is None


def test_an_allowance_is_of_the_cut_off_where_nothing_is_due() -> None:
    assert dates_for(Schedule(closes_at=CLOSES), Allowance(extra_minutes=5)).closes_at == CLOSES + timedelta(minutes=5)


@pytest.mark.parametrize(
    "wrong", [{"extra_minutes": -1}, {"time_percent": 99}, {"time_percent": 1001}, {"extra_attempts": -1}]
)
def test_allowance_takes_nothing_away(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssignmentError) as caught:
        Allowance(**wrong)

    assert caught.value.code == "allowance_invalid"


@given(schedules, allowances, moments, several)
def test_an_allowance_is_never_a_disadvantage(
    schedule: Schedule, allowance: Allowance, now: datetime, attempts: list[Attempt]
) -> None:
    plain, given_more = standing(schedule, now), standing(schedule, now, allowance)

    assert given_more.percent_kept >= plain.percent_kept
    assert given_more.is_late <= plain.is_late
    if refusal(schedule, attempts=attempts, now=now) is None:
        assert refusal(schedule, attempts=attempts, now=now, allowance=allowance) is None


@pytest.mark.parametrize("moment", [datetime.max, datetime.min])
@pytest.mark.parametrize("hours", [-14, 0, 14])
@pytest.mark.parametrize(
    "allowance",
    [Allowance(), Allowance(extra_minutes=MAX_MINUTES, time_percent=MAX_TIME_PERCENT), Allowance(until=FOREVER)],
)
def test_dates_at_the_ends_of_the_calendar_lead_nowhere_out_of_it(
    moment: datetime, hours: int, allowance: Allowance
) -> None:
    far = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    opens = datetime.min.replace(tzinfo=UTC) if moment == datetime.max else None
    schedule = Schedule(opens, far, far, late=LateRule(grace_minutes=MAX_MINUTES))

    dates, last = dates_for(schedule, allowance), hands_in_itself_at(schedule, allowance)

    assert dates.due_at is not None
    assert dates.closes_at is not None
    assert last is not None
    assert dates.due_at <= dates.closes_at
    assert all(date.astimezone(ZoneInfo("Pacific/Kiritimati")) for date in (dates.due_at, dates.closes_at, last))
    assert standing(schedule, DUE, allowance).is_late == (dates.due_at < OPENS)


@given(schedules, allowances)
def test_whoever_is_in_time_is_not_refused(schedule: Schedule, allowance: Allowance) -> None:
    last = on_time_until(schedule, allowance)
    assert last is not None

    refused = refusal(replace(schedule, attempts=None), attempts=(), now=last, allowance=allowance)

    assert refused is None
    assert not standing(schedule, last, allowance).is_late
    assert standing(schedule, last + SECOND, allowance).is_late


# --- Handed in for those who forgot ------------------------------------------------------------------------


def test_hands_itself_in_when_its_author_would_be_late() -> None:
    assert hands_in_itself_at(WEEK) == after(minutes=10, seconds=1)
    assert hands_in_itself_at(WEEK, Allowance(extra_minutes=60)) == after(minutes=70, seconds=1)
    assert hands_in_itself_at(Schedule(closes_at=CLOSES)) is None


@pytest.mark.parametrize(
    ("attempts", "now", "expected"),
    [
        ([], after(minutes=10), False),
        ([], after(minutes=10, seconds=1), True),
        ([], after(days=90), True),
        ([attempt(1, OPENS)], after(days=1), False),
        ([attempt(1, DUE, is_automatic=True)], after(days=1), False),
    ],
)
def test_has_forgotten(attempts: list[Attempt], now: datetime, expected: bool) -> None:
    assert has_forgotten(WEEK, attempts=attempts, now=now) is expected


# --- Which attempt counts ----------------------------------------------------------------------------------

FIRST, SECOND_ONE, LATE = attempt(1, OPENS, 5), attempt(2, DUE, 8), attempt(3, after(hours=2), 10)


@pytest.mark.parametrize(
    ("counts", "attempts", "number"),
    [
        (Counts.LATEST, [FIRST, SECOND_ONE, LATE], 3),
        (Counts.FIRST, [FIRST, SECOND_ONE, LATE], 1),
        (Counts.LATEST_ON_TIME, [FIRST, SECOND_ONE, LATE], 2),
        (Counts.LATEST_ON_TIME, [LATE, attempt(4, after(hours=3))], 4),
        (Counts.BEST, [FIRST, SECOND_ONE, LATE], 2),  # 10 points, of which lateness leaves 5.
        (Counts.BEST, [FIRST, attempt(2, DUE, 5)], 2),
        (Counts.BEST, [FIRST, attempt(2, DUE)], 1),
        (Counts.BEST, [attempt(1, OPENS), attempt(2, DUE)], 2),
        (Counts.FIRST, [attempt(1, DUE, is_automatic=True), attempt(2, after(hours=2))], 2),
        (Counts.FIRST, [attempt(1, DUE, is_automatic=True)], 1),
        (Counts.LATEST, [attempt(1, DUE), attempt(2, DUE)], 2),
    ],
)
def test_counting(counts: Counts, attempts: list[Attempt], number: int) -> None:
    found = counting(replace(WEEK, counts=counts), attempts)

    assert found is not None
    assert found.number == number


def test_counting_of_no_attempts() -> None:
    assert counting(WEEK, ()) is None


def test_counting_follows_an_extension() -> None:
    schedule = replace(WEEK, counts=Counts.LATEST_ON_TIME)

    assert counting(schedule, [FIRST, LATE], Allowance(extra_minutes=120)) == LATE


@given(schedules, several, allowances, st.randoms())
def test_counting_does_not_depend_on_the_order(
    schedule: Schedule, attempts: list[Attempt], allowance: Allowance, random: Any
) -> None:
    shuffled = list(attempts)
    random.shuffle(shuffled)

    assert counting(schedule, shuffled, allowance) == counting(schedule, attempts, allowance)


# --- What changes when dates do ----------------------------------------------------------------------------


def test_moved_tells_whom_lateness_costs_something_else() -> None:
    later = replace(WEEK, due_at=after(hours=1))

    changes = moved([FIRST, LATE], before=(WEEK, Allowance()), after=(later, Allowance()))

    assert [(change.number, change.before.percent_kept, change.after.percent_kept) for change in changes] == [
        (3, 50, 90)
    ]


def test_moved_tells_of_an_extension() -> None:
    changes = moved([FIRST, LATE], before=(WEEK, Allowance()), after=(WEEK, Allowance(extra_minutes=120)))

    assert [(change.number, change.after) for change in changes] == [(3, Standing(timedelta(0), False, 100))]


@pytest.mark.parametrize(
    ("points", "kept", "taken"),
    [("10", 100, "0.00"), ("10", 50, "5.00"), ("3.33", 90, "0.33"), ("0.05", 90, "0.01"), ("-2", 0, "0.00")],
)
def test_penalty(points: str, kept: int, taken: str) -> None:
    assert penalty(Decimal(points), kept) == Decimal(taken)


def test_every_rule_of_what_counts_has_words() -> None:
    assert set(COUNTS_WORDS) == set(Counts)
