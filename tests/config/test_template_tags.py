"""The tags every template has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.utils import timezone, translation

from config.templatetags.carrel import ago


def rendered(source: str, **variables: str) -> str:
    return Template(source).render(Context(variables))


def test_hide_icon_beside_words_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in rendered('{% icon "play-fill" %}')


def test_name_icon_that_stands_alone() -> None:
    svg = rendered('{% icon "sun" label=words %}', words="<Light>")

    assert 'role="img"' in svg
    assert "&lt;Light&gt;" in svg


def test_refuse_icon_the_sprite_lacks() -> None:
    with pytest.raises(TemplateSyntaxError, match="unheard-of"):
        rendered('{% icon "unheard-of" %}')


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (timedelta(seconds=-5), ">just now<"),
        (timedelta(hours=-2, minutes=-10), ">2\xa0hours ago<"),
        (timedelta(days=3, seconds=30), ">in 3\xa0days<"),
    ],
)
def test_tell_how_long_ago(difference: timedelta, words: str) -> None:
    assert words in ago(timezone.now() + difference)


def test_tell_how_long_ago_in_french() -> None:
    with translation.override("fr"):
        assert ">il y a 1\xa0semaine<" in ago(timezone.now() - timedelta(days=8))


def test_give_exact_time_in_the_active_zone() -> None:
    with timezone.override("Asia/Tokyo"):
        markup = ago(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    assert "18:00 JST" in markup


def test_say_never_when_there_is_no_time() -> None:
    assert ago(None) == "never"
