"""Names of servers and shared files after the address of a class."""

from __future__ import annotations

import pytest

from classes.naming import name_after, server_name
from environments.naming import check_server_name, check_volume_name

LONG = "introduction-to-statistics-for-everybody-autumn-2026"


@pytest.mark.parametrize(
    ("slug", "name"),
    [("statistics", "statistics"), ("101-maths", "class-101-maths"), ("a_b--c", "a-b-c"), ("-1", "class-1")],
)
def test_name_says_the_address_as_far_as_it_can(slug: str, name: str) -> None:
    assert server_name(slug) == check_server_name(name)


@pytest.mark.parametrize("suffix", ["", "-common", "-hand-in-19"])
def test_name_of_a_long_address_is_short_enough_and_another_for_another(suffix: str) -> None:
    names = {name_after(slug, suffix) for slug in (LONG, f"{LONG}-2")}

    assert {check_volume_name(name) for name in names} == names
    assert len(names) == 2


def test_name_of_a_teachers_server_is_another() -> None:
    assert server_name("statistics", of_teachers=True) == "statistics-teacher"
