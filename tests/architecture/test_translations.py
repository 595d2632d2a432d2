"""French is complete, current, and keeps every placeholder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from html import unescape

import polib
import pytest

from accounts import refusals
from config import api_errors
from config.env import BASE_DIR
from environments import errors

CATALOGUE = BASE_DIR / "locale/fr/LC_MESSAGES/django.po"
ENTRIES = [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|<[^>]+>")
TAGGED = re.compile(r"""{% trans(?:late)? (?:"([^"]*)"|'([^']*)')""")


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


def test_nothing_is_missing_or_fuzzy() -> None:
    assert [entry.msgid for entry in ENTRIES if not entry.translated() or entry.fuzzy] == []


def test_compiled_catalogue_is_current() -> None:
    compiled = {
        (entry.msgctxt, entry.msgid): (entry.msgstr, entry.msgstr_plural)
        for entry in polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    }

    assert compiled == {(entry.msgctxt, entry.msgid): (entry.msgstr, entry.msgstr_plural) for entry in ENTRIES}


def test_placeholders_agree() -> None:
    different = [
        entry.msgid
        for entry in ENTRIES
        for original, translation in _pairs(entry)
        if placeholders(original) != placeholders(translation)
    ]

    assert different == []


@pytest.mark.parametrize(
    "reasons", [errors.REASONS, api_errors.REASONS, refusals.REASONS], ids=["environments", "api", "sign-in"]
)
def test_every_reason_is_in_the_catalogue(reasons: Mapping[str, errors.Reason | refusals.Reason]) -> None:
    known = {entry.msgid for entry in ENTRIES}

    assert {str(words) for reason in reasons.values() for words in (reason.sentence, reason.next_step)} <= known


def test_every_sentence_of_a_template_is_in_the_catalogue() -> None:
    known = {entry.msgid for entry in ENTRIES}
    sentences = {
        unescape(double or single)
        for folder in ("templates", "accounts", "config", "environments")
        for path in (BASE_DIR / folder).rglob("*.html")
        for double, single in TAGGED.findall(path.read_text())
    }

    assert sentences - known == set()


def _pairs(entry: polib.POEntry) -> list[tuple[str, str]]:
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid_plural, entry.msgstr_plural[max(entry.msgstr_plural)])]
