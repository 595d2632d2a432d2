"""The colours of classes can be read, in both themes."""

from __future__ import annotations

import re

import pytest

from classes.models import Colour
from config.env import BASE_DIR

STYLE = (BASE_DIR / "static/css/app.css").read_text()
READABLE = 4.5
"""What WCAG asks of text."""


def tokens_of(selector: str) -> dict[str, str]:
    """The colours that a theme has, by their names."""
    block = re.search(rf"{re.escape(selector)} {{\n(.*?)\n  }}", STYLE, re.DOTALL)
    assert block is not None
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


THEMES = {"light": tokens_of(":root"), "dark": tokens_of('[data-bs-theme="dark"]')}


def contrast(one: str, other: str) -> float:
    """How well one is read on the other, as WCAG reckons it."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("colour", Colour.values)
def test_colour_of_a_class_is_read_wherever_it_stands(theme: str, colour: str) -> None:
    tokens = THEMES[theme]
    grounds = (tokens["paper"], tokens["sheet"], tokens[f"{colour}-wash"])

    assert min(contrast(tokens[colour], ground) for ground in grounds) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("colour", Colour.values)
def test_words_are_read_on_the_wash_of_a_class(theme: str, colour: str) -> None:
    tokens = THEMES[theme]

    assert min(contrast(tokens[ink], tokens[f"{colour}-wash"]) for ink in ("ink", "ink-soft")) >= READABLE


@pytest.mark.parametrize("colour", Colour.values)
def test_every_colour_has_a_cover(colour: str) -> None:
    assert f"--cover: var(--{colour});" in STYLE
