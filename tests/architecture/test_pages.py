"""What holds for every template and stylesheet, whoever writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.env import BASE_DIR
from config.templatetags.carrel import known_icons

FOLDERS = ("templates", "accounts", "config", "environments", "classes", "assignments", "lti")
KEPT = "feedback_file.html"
"""A file that people keep: it brings its style along."""
TEMPLATES = sorted(path for folder in FOLDERS for path in (BASE_DIR / folder).rglob("*.html") if path.name != KEPT)
PAGES = [path for path in TEMPLATES if "components" not in path.parts]
UTILITIES = re.compile(
    r"(?:[mp][tbsexy]?-(?:\d|auto)|d-(?:\w+)|(?:text|bg|border|fw|fs|flex|justify-content|align-items|gap|w|h)-[\w-]+)"
)
CLASSES = re.compile(r'class="([^"]*)"')
TAGS = re.compile(r"{%.*?%}")
ICONS = re.compile(r"""{% icon "([\w-]+)"|icon_name="([\w-]+)\"""")


def relative(path: Path) -> str:
    return str(path.relative_to(BASE_DIR))


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_page_has_no_inline_script_or_style(path: Path) -> None:
    source = TAGS.sub("", path.read_text())

    assert not re.search(r"<script(?![^>]*\bsrc=)", source)
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|js:", source)


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_page_leaves_utility_classes_to_components(path: Path) -> None:
    classes = {name for value in CLASSES.findall(path.read_text()) for name in value.split()}

    assert not {name for name in classes if UTILITIES.fullmatch(name)}


def test_sprite_holds_exactly_the_listed_icons() -> None:
    sprite = (BASE_DIR / "static/vendor/bootstrap-icons/sprite.svg").read_text()

    assert set(re.findall(r'<symbol id="([\w-]+)"', sprite)) == known_icons()


def test_every_icon_a_template_names_is_listed() -> None:
    named = {name for path in TEMPLATES for pair in ICONS.findall(path.read_text()) for name in pair if name}

    assert named <= known_icons()


def test_dark_theme_is_the_same_chosen_or_automatic() -> None:
    style = (BASE_DIR / "static/css/app.css").read_text()

    chosen, automatic = (
        re.findall(r"--[\w-]+: [^;]+;", re.search(rf'\[data-bs-theme="{theme}"\] {{\n([^}}]*)}}', style)[1])  # type: ignore[index]
        for theme in ("dark", "auto")
    )

    assert chosen == automatic


@pytest.mark.parametrize("package", ["bootstrap", "bootstrap-icons", "htmx"])
def test_vendored_package_comes_with_licence_and_version(package: str) -> None:
    folder = BASE_DIR / "static/vendor" / package

    assert (folder / "LICENSE").read_text().strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", (folder / "VERSION").read_text().strip())
