"""A teacher fills in what lateness costs."""

from __future__ import annotations

import pytest

from assignments.deadlines import MAX_STEPS, LateRule, Step
from assignments.late_forms import LateForm

NOTHING = LateRule()


def filled(way: str, *steps: tuple[str, str, str], **typed: str) -> LateForm:
    """The form as a browser sends it: each step is a number, a unit and a percentage."""
    data = {"late-way": way} | {f"late-{name}": value for name, value in typed.items()}
    for number, (after, unit, lost) in enumerate(steps):
        data |= {f"late-after_{number}": after, f"late-unit_{number}": unit, f"late-lost_{number}": lost}
    return LateForm(data, rule=NOTHING)


def test_steps_are_taken_in_their_units() -> None:
    form = filled("steps", ("1", "1440", "10"), ("", "1440", ""), ("72", "60", "50"), grace="10")

    assert form.is_valid(), form.errors
    assert form.rule == LateRule(grace_minutes=10, steps=(Step(1440, 90), Step(4320, 50)))


def test_loss_by_the_day_is_taken_without_what_was_typed_for_steps() -> None:
    form = filled("daily", ("1", "1440", "1000"), per_day="10", keeps="50")

    assert form.is_valid(), form.errors
    assert form.rule == LateRule(percent_per_day=10, keeps_percent=50)


def test_nothing_is_lost_whatever_was_typed_beside() -> None:
    form = filled("nothing", ("x", "1440", ""), per_day="-1")

    assert form.is_valid(), form.errors
    assert form.rule == NOTHING


@pytest.mark.parametrize(
    "rule",
    [
        NOTHING,
        LateRule(grace_minutes=5, percent_per_day=10, keeps_percent=40),
        LateRule(steps=(Step(0, 95), Step(90, 80), Step(120, 70), Step(1440, 60), Step(2880, 0))),
        LateRule(steps=tuple(Step(minutes, 100 - minutes) for minutes in range(1, MAX_STEPS + 1))),
    ],
)
def test_what_is_shown_is_the_rule_again(rule: LateRule) -> None:
    shown = LateForm(rule=rule)
    sent = {bound.html_name: "" if bound.value() is None else str(bound.value()) for bound in shown}

    form = LateForm(sent, rule=NOTHING)

    assert form.is_valid(), form.errors
    assert form.rule == rule


@pytest.mark.parametrize(
    ("steps", "field", "words"),
    [
        ([], "after_0", "Fill in at least one step"),
        ([("1", "1440", "")], "after_0", "Fill in both"),
        ([("", "1440", "10")], "after_0", "Fill in both"),
        ([("-1", "1440", "10")], "after_0", "greater than or equal to 0"),
        ([("1.5", "1440", "10")], "after_0", "whole number"),
        ([("1", "7", "10")], "unit_0", "valid choice"),
        ([("1", "1440", "0")], "lost_0", "greater than or equal to 1"),
        ([("1", "1440", "101")], "lost_0", "less than or equal to 100"),
        ([("367", "1440", "10")], "after_0", "A year"),
        ([("1", "1440", "10"), ("24", "60", "50")], "after_1", "later than the step before"),
        ([("1", "1440", "10"), ("3", "1440", "10")], "lost_1", "lose more"),
    ],
)
def test_steps_that_make_no_sense_are_refused_where_they_stand(
    steps: list[tuple[str, str, str]], field: str, words: str
) -> None:
    form = filled("steps", *steps)

    assert not form.is_valid()
    assert words in str(form.errors[field])


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({}, "per_day", "Say how much"),
        ({"per_day": "0"}, "per_day", "greater than or equal to 1"),
        ({"per_day": "101"}, "per_day", "less than or equal to 100"),
        ({"per_day": "10", "keeps": "100"}, "keeps", "less than or equal to 99"),
        ({"per_day": "10", "keeps": "-1"}, "keeps", "greater than or equal to 0"),
        ({"per_day": "10", "grace": "x"}, "grace", "whole number"),
    ],
)
def test_loss_by_the_day_that_makes_no_sense_is_refused_where_it_stands(
    typed: dict[str, str], field: str, words: str
) -> None:
    form = filled("daily", **typed)

    assert not form.is_valid()
    assert words in str(form.errors[field])


def test_more_lines_than_a_rule_can_have_are_not_read() -> None:
    form = filled("steps", *((str(number + 1), "1", str(number + 1)) for number in range(MAX_STEPS + 5)))

    assert form.is_valid(), form.errors
    assert len(form.rule.steps) == MAX_STEPS
