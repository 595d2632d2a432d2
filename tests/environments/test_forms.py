"""What the launch form makes of what people type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from environments.errors import UserError
from environments.forms import KeepForm, LaunchForm, typed_for, urlpath_of
from environments.models import SharedVolume
from environments.mounts import usable_volumes
from environments.values import LaunchSpec, Limits, MountWish, Reference
from tests.factories import SharedVolumeFactory, VolumeMemberFactory


@pytest.mark.parametrize(
    ("typed", "urlpath"),
    [
        ("", ""),
        ("  /  ", ""),
        ("first.ipynb", "lab/tree/first.ipynb"),
        ("/notebooks/first.ipynb", "lab/tree/notebooks/first.ipynb"),
        ("week 1/Übung.ipynb", "lab/tree/week%201/%C3%9Cbung.ipynb"),
        ("lab/first.ipynb", "lab/tree/lab/first.ipynb"),
        ("lab/tree/first.ipynb", "lab/tree/first.ipynb"),
        ("/tree/notebooks", "tree/notebooks"),
        ("lab", "lab"),
        ("tree?reset", "tree?reset"),
        ("doc/tree/first.ipynb", "doc/tree/first.ipynb"),
        ("proxy/5006/app", "proxy/5006/app"),
        ("/rstudio/", "rstudio/"),
        ("/shiny/sine/", "shiny/sine/"),
        ("rstudio/", "lab/tree/rstudio"),
    ],
)
def test_understand_what_to_open(typed: str, urlpath: str) -> None:
    assert urlpath_of(typed) == urlpath


@pytest.mark.parametrize(
    "urlpath",
    [
        *("", "lab", "lab/tree/a%20b.ipynb", "doc/tree/a.ipynb", "dashboard/", "proxy/80/a"),
        *("git-pull?repo=x", "git-pull?repo=https://x.org/y", "git-pull?repo=https%3A%2F%2Fx.org%2Fy"),
    ],
)
def test_address_can_be_written_in_the_form(urlpath: str) -> None:
    assert urlpath_of(typed_for(urlpath)) == urlpath


def test_address_of_an_application_can_be_written_without_its_slash() -> None:
    assert urlpath_of(typed_for("rstudio")) == "rstudio/"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("../secret", "path_invalid"),
        ("a/../../b", "path_invalid"),
        ("lab/tree/../../x", "path_invalid"),
        ("a\\b", "path_invalid"),
        ("a\x00", "path_invalid"),
        ("https://evil.example", "path_elsewhere"),
        (" https://evil.example/?x=1", "path_elsewhere"),
        ("//evil.example", "path_elsewhere"),
        ("//evil.example/x/", "path_elsewhere"),
    ],
)
def test_refuse_to_open_what_is_outside(typed: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        urlpath_of(typed)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        ({"repository": "gh/owner/name"}, LaunchSpec(Reference("gh", "owner/name"))),
        (
            {"repository": "https://github.com/owner/name", "ref": "v1", "name": "mine", "path": "a.ipynb"},
            LaunchSpec(Reference("gh", "owner/name", "v1"), urlpath="lab/tree/a.ipynb", name="mine"),
        ),
        (
            {"repository": "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab%2Ftree%2Fb.ipynb"},
            LaunchSpec(Reference("gh", "owner/name", "main"), urlpath="lab/tree/b.ipynb"),
        ),
        (
            {"repository": "gh/owner/name", "memory": "2g", "cpus": "0,5", "idle": " 30 ", "lifetime": "90"},
            LaunchSpec(Reference("gh", "owner/name"), limits=Limits(2048, 0.5), idle_minutes=30, lifetime_minutes=90),
        ),
    ],
)
def test_make_spec_of_what_was_filled_in(data: dict[str, str], spec: LaunchSpec) -> None:
    form = LaunchForm(data)

    assert form.is_valid()
    assert form.spec == spec


@pytest.mark.django_db
def test_offer_shared_files_as_the_person_may_use_them(student: User) -> None:
    own = SharedVolumeFactory.create(owner=student, name="data")
    VolumeMemberFactory.create(person=student, volume__name="course")

    form = LaunchForm(volumes=usable_volumes(student), initial={"mounts": ["data:input:ro"]})

    assert dict(form.fields["mounts"].choices) == {  # type: ignore[attr-defined]
        "data:shared/data": own.title,
        "course:shared/course:ro": SharedVolume.objects.get(name="course").title,
        "data:input:ro": "“data” in the folder input, to read",
    }
    assert form.has_gifts


def test_make_spec_of_files_and_people() -> None:
    data = {"repository": "gh/owner/name", "mounts": ["data:input:ro"], "collaborators": "ada, bob@uni.edu ,ada"}

    form = LaunchForm(data)

    assert form.is_valid()
    assert form.spec.mounts == (MountWish("data", "input", read_only=True),)
    assert form.spec.collaborators == ("ada", "bob@uni.edu")


@pytest.mark.parametrize(
    "wrong", [{"mounts": ["../x"]}, {"mounts": ["data:../.."]}, {"collaborators": "a b"}, {"collaborators": "<x>"}]
)
def test_refuse_files_and_people_that_cannot_be(wrong: dict[str, Any]) -> None:
    form = LaunchForm({"repository": "gh/owner/name", **wrong})

    assert list(form.errors) == list(wrong)
    assert form.has_gifts


@pytest.mark.parametrize("field", ["memory", "cpus", "idle", "lifetime"])
@pytest.mark.parametrize("value", ["lots", "-1", "0", "1e9", "9" * 20])
def test_refuse_resources_that_are_no_amount(field: str, value: str) -> None:
    form = LaunchForm({"repository": "gh/owner/name", field: value})

    assert list(form.errors) == [field]
    assert form.has_resources


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("ref_unknown", "ref"),
        ("name_taken", "name"),
        ("server_differs", "name"),
        ("mount_unknown", "mounts"),
        ("collaborator_unknown", "collaborators"),
        ("credentials_shared", "credentials"),
        ("path_invalid", "path"),
        ("repository_unreachable", "repository"),
        ("unexpected", "repository"),
    ],
)
def test_put_error_at_the_field_it_is_about(code: str, field: str) -> None:
    form = LaunchForm({"repository": "gh/owner/name"})

    form.add_launch_error(UserError(code))

    assert list(form.errors) == [field]


PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("now", "chosen", "until"),
    [
        (datetime(2026, 3, 2, 14, 5, tzinfo=PARIS), "1", datetime(2026, 3, 2, 15, 5, tzinfo=PARIS)),
        (datetime(2026, 3, 2, 14, 5, tzinfo=PARIS), "8", datetime(2026, 3, 2, 22, 5, tzinfo=PARIS)),
        (datetime(2026, 3, 2, 14, 5, tzinfo=PARIS), "morning", datetime(2026, 3, 3, 8, tzinfo=PARIS)),
        (datetime(2026, 3, 2, 0, 30, tzinfo=PARIS), "morning", datetime(2026, 3, 2, 8, tzinfo=PARIS)),
        (datetime(2026, 3, 2, 8, 0, tzinfo=PARIS), "morning", datetime(2026, 3, 3, 8, tzinfo=PARIS)),
        (datetime(2026, 3, 28, 20, 0, tzinfo=PARIS), "morning", datetime(2026, 3, 29, 8, tzinfo=PARIS)),
    ],
    ids=["an hour", "eight hours", "tomorrow", "after midnight", "at eight", "into summer time"],
)
def test_keep_until_a_moment_in_the_readers_zone(now: datetime, chosen: str, until: datetime) -> None:
    with timezone.override(PARIS):
        form = KeepForm({"until": chosen}, now=now)

        assert form.is_valid()
        assert form.cleaned_data["until"] == until


def test_keep_no_longer_than_allowed_on_the_day_the_clocks_go_back() -> None:
    now = datetime(2026, 10, 24, 8, 1, tzinfo=PARIS).astimezone(UTC)

    with timezone.override(PARIS):
        form = KeepForm({"until": "morning"}, now=now)
        assert form.is_valid()

    assert form.cleaned_data["until"] - now == timedelta(hours=24)


@pytest.mark.parametrize(("hour", "words"), [(7, "until 8:00 this morning"), (9, "until 8:00 tomorrow morning")])
def test_keep_offers_the_next_morning(hour: int, words: str) -> None:
    with timezone.override(PARIS):
        form = KeepForm(now=datetime(2026, 3, 2, hour, tzinfo=PARIS))

    assert words in str(form["until"])


@pytest.mark.parametrize(
    ("most", "hour", "offered"),
    [
        (24, 14, ["1", "2", "4", "8", "morning"]),
        (3, 14, ["1", "2"]),
        (3, 6, ["1", "2", "morning"]),
        (0, 7, []),
    ],
)
def test_keep_offers_no_more_than_the_site_allows(settings: Settings, most: int, hour: int, offered: list[str]) -> None:
    settings.SERVER_KEEP_HOURS = most

    with timezone.override(PARIS):
        form = KeepForm(now=datetime(2026, 3, 2, hour, tzinfo=PARIS))

    assert [value for value, _words in form.fields["until"].choices] == offered  # type: ignore[attr-defined]


@pytest.mark.parametrize("data", [{}, {"until": ""}])
def test_keep_nothing_takes_it_back(data: dict[str, str]) -> None:
    form = KeepForm(data, now=datetime(2026, 3, 2, tzinfo=PARIS))

    assert form.is_valid()
    assert form.cleaned_data["until"] is None


@pytest.mark.parametrize("chosen", ["3", "-1", "1000000", "evening", "2026-03-02T10:00", "\x00"])
def test_keep_refuses_what_was_not_offered(chosen: str) -> None:
    assert not KeepForm({"until": chosen}, now=datetime(2026, 3, 2, tzinfo=PARIS)).is_valid()
