"""What every page must be, in one visit: read in both themes by axe, then narrowed to the width of a telephone."""

from __future__ import annotations

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from tests.e2e.conftest import ARTEFACTS

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
PHONE: ViewportSize = {"width": 360, "height": 740}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def assert_accessible_in_both_themes(page: Page) -> None:
    """Axe finds nothing to complain of, light or dark."""
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        if theme != THEMES[0]:
            page.reload()  # Colours half way between the two would be a third theme.
        results = Axe().run(page)
        assert results.violations_count == 0, f"{theme}: {results.generate_report()}"


def assert_fits_a_telephone(page: Page, *, picture: str = "") -> None:
    """Nothing has to be pushed sideways; a picture of it is kept under this name."""
    page.set_viewport_size(PHONE)
    if picture:
        name = picture.replace(",", "").replace(" ", "-")
        page.screenshot(path=ARTEFACTS / "telephone" / f"{name}.png", full_page=True)
    assert page.evaluate(OVERFLOW) == 0
