"""Points as pages show them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from assignments.templatetags.grades import points, typed


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1.5000", "1.5"),
        ("10", "10"),
        ("0.2500", "0.25"),
        ("0.3333", "0.33"),
        ("0.005", "0.01"),
        ("0", "0"),
        ("-1", "−1"),
    ],
)
def test_points_have_no_more_places_than_they_need(value: str, words: str) -> None:
    assert points(Decimal(value)) == words


def test_points_of_a_notebook_are_no_longer_than_they_are() -> None:
    assert (points(0.25), points(0.1 + 0.2), points(3)) == ("0.25", "0.3", "3")


def test_points_are_read_in_the_language_of_the_page_and_typed_in_none() -> None:
    with translation.override("fr"):
        assert points(Decimal("1.5")) == "1,5"
        assert typed(Decimal("1.5000")) == "1.5"


def test_field_keeps_every_place() -> None:
    assert typed(Decimal("0.3333")) == "0.3333"
    assert typed(Decimal(10)) == "10"


def test_nothing_is_nothing() -> None:
    assert points(None) == typed(None) == ""
