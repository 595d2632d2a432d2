"""Other hubs: which the operator lists, and what of a launch goes along to them."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from environments.errors import UserError
from environments.hubs import Hub, HubKind, address_at, find_hub, hubs, left_behind, read_hub
from environments.links import read_link
from environments.references import parse
from environments.values import LaunchSpec, Limits, MountWish, Reference

BINDER = Hub("mybinder", HubKind.BINDER, "https://mybinder.org", "mybinder.org")
CARREL = Hub("lyon", HubKind.CARREL, "https://carrel.example.fr/notebooks", "Carrel in Lyon")
SPEC = LaunchSpec(
    parse("gh/ada/engine/v2"),
    urlpath="lab/tree/a%20b.ipynb",
    name="mine",
    limits=Limits(memory_mb=4096, cpus=1.5),
    idle_minutes=30,
    lifetime_minutes=240,
    mounts=(MountWish("data", "input", True),),
    collaborators=("bob",),
    is_public=True,
    with_credentials=True,
)


@pytest.mark.parametrize(
    ("entry", "hub"),
    [
        ("mybinder binder https://mybinder.org mybinder.org", BINDER),
        ("lyon   carrel https://carrel.example.fr/notebooks/  Carrel in Lyon ", CARREL),
        ("b2 binder http://binder.test:8585 B", Hub("b2", HubKind.BINDER, "http://binder.test:8585", "B")),
    ],
)
def test_read_understands(entry: str, hub: Hub) -> None:
    assert read_hub(entry) == hub


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "mybinder",
        "mybinder binder https://mybinder.org",
        "MyBinder binder https://mybinder.org x",
        "my/binder binder https://mybinder.org x",
        "mybinder jupyterhub https://mybinder.org x",
        "mybinder binder mybinder.org x",
        "mybinder binder //mybinder.org x",
        "mybinder binder javascript:alert(1) x",
        "mybinder binder https://me@mybinder.org x",
        "mybinder binder https://mybinder.org/?to= x",
        "mybinder binder https://mybinder.org/#to x",
        "mybinder binder https://mybinder.org\\@evil.example x",
        "mybinder binder https://mybinder.org/../x x",
        "mybinder binder https://2130706433 x",
        "mybinder binder http://localhost:8000 this one",
        "mybinder binder https://mybinder.org " + "x" * 61,
    ],
)
def test_read_refuses_what_nobody_should_be_sent_to(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^its? "):
        read_hub(entry)


def test_read_wants_encryption_where_strangers_come(settings: Settings) -> None:
    settings.EMBEDDED = False

    with pytest.raises(ValueError, match="https"):
        read_hub("b2 binder http://binder.example B")


def test_list_leaves_out_what_is_wrong_and_what_shares_a_name(settings: Settings) -> None:
    settings.HUBS = [
        "twice binder https://one.example One",
        "mybinder binder https://mybinder.org mybinder.org",
        "broken binder evil.example Evil",
        "twice binder https://two.example Two",
    ]

    assert hubs() == [BINDER]


@pytest.mark.parametrize("name", ["nowhere", "https://evil.example", "", "MYBINDER"])
def test_find_knows_no_other_hub(settings: Settings, name: str) -> None:
    settings.HUBS = ["mybinder binder https://mybinder.org mybinder.org"]

    with pytest.raises(UserError) as refusal:
        find_hub(name)

    assert refusal.value.code == "hub_unknown"


def test_address_at_a_binder_says_what_binders_understand() -> None:
    assert address_at(BINDER, SPEC) == "https://mybinder.org/v2/gh/ada/engine/v2?urlpath=lab/tree/a%2520b.ipynb"


def test_address_at_a_binder_names_the_newest_version() -> None:
    assert address_at(BINDER, LaunchSpec(parse("gh/ada/engine"))) == "https://mybinder.org/v2/gh/ada/engine/HEAD"


def test_address_at_a_carrel_asks_for_the_same_launch() -> None:
    address = address_at(CARREL, SPEC)

    path, _mark, query = address.removeprefix("https://carrel.example.fr/notebooks/v2/").partition("?")
    assert read_link(path, query).spec == SPEC


def test_left_behind_at_a_binder_is_all_but_repository_and_place() -> None:
    assert left_behind(BINDER, SPEC) == [
        ("server", "mine"),
        ("mount", "data:input:ro"),
        ("collaborator", "bob"),
        ("public", "1"),
        ("credentials", "1"),
        ("memory", "4096"),
        ("cpus", "1.5"),
        ("idle", "30"),
        ("lifetime", "240"),
    ]


def test_left_behind_at_a_carrel_is_nothing() -> None:
    assert left_behind(CARREL, SPEC) == []


@pytest.mark.parametrize("reference", [Reference("example", "statistics"), Reference("git", "/srv/course")])
def test_address_is_none_for_what_is_only_here(reference: Reference) -> None:
    with pytest.raises(UserError) as refusal:
        address_at(BINDER, LaunchSpec(reference))

    assert refusal.value.code == "hub_cannot_fetch"
