"""What students see of hidden tests, whatever is tried to see more."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.notebooks.redacting import (
    HIDDEN_ERROR,
    TIER_WORDS,
    Hidden,
    Leak,
    Sees,
    Tier,
    hidden_of,
    leaks,
    redact,
    sees,
)
from tests.assignments.notebook_cells import Cell, Notebook, answer, cell, checks, notebook

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SECRET = "assert squares(12)[-1] == 144, 'twelve'"
PUBLIC = "assert squares(1) == [1]"
GRADED = f"{PUBLIC}\n### BEGIN HIDDEN TESTS\n{SECRET}\nx=1\n### END HIDDEN TESTS"
GIVEN_OUT = notebook(answer("q"), checks("t", PUBLIC), checks("open", "assert True"))
SOURCES = notebook(answer("q", "def squares(n): ..."), checks("t", GRADED), checks("open", "assert True"))
HIDDEN = hidden_of(SOURCES, given_out=GIVEN_OUT)


def stream(text: str) -> Cell:
    return {"output_type": "stream", "name": "stdout", "text": text}


def result(**data: Any) -> Cell:
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}


def error(*lines: str, value: str = "twelve", name: str = "AssertionError") -> Cell:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": list(lines)}


def executed(*outputs: Cell, by: str = "t") -> Notebook:
    """The graded notebook in which one cell has put these out."""
    made = notebook(*SOURCES["cells"], cell("scratch"))
    place = {"q": 0, "t": 1, "open": 2, "own": 3}[by]
    made["cells"][place]["outputs"] = list(outputs)
    return made


def seen(*outputs: Cell, by: str = "t", what: Sees = Sees.POINTS) -> str:
    shown = redact(executed(*outputs, by=by), given_out=GIVEN_OUT, hidden=HIDDEN, what=lambda _: what)
    return json.dumps(shown)


# --- Tiers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "shows_at", "expected"),
    [
        (Tier.SHOWN, None, Sees.EVERYTHING),
        (Tier.POINTS, NOW - timedelta(days=1), Sees.POINTS),
        (Tier.LATER, None, Sees.POINTS),
        (Tier.LATER, NOW + timedelta(seconds=1), Sees.POINTS),
        (Tier.LATER, NOW, Sees.EVERYTHING),
        (Tier.NEVER, NOW - timedelta(days=1), Sees.NOTHING),
    ],
)
def test_sees(tier: Tier, shows_at: datetime | None, expected: Sees) -> None:
    assert sees(tier, shows_at=shows_at, now=NOW) == expected


def test_every_tier_has_words() -> None:
    assert set(TIER_WORDS) == set(Tier)


# --- Source ------------------------------------------------------------------------------------------------


def test_hidden_is_what_was_not_given_out() -> None:
    assert list(HIDDEN) == ["t"]
    assert HIDDEN["t"].lines == (SECRET, "x=1")


def test_a_line_that_was_given_out_too_is_not_hidden() -> None:
    assert Hidden.between(f"{PUBLIC}\n  {PUBLIC}", PUBLIC).lines == ()


@pytest.mark.parametrize("what", [Sees.POINTS, Sees.NOTHING])
def test_the_source_is_what_was_given_out(what: Sees) -> None:
    shown = seen(what=what)

    assert "144" not in shown
    assert "HIDDEN TESTS" not in shown
    assert json.dumps(PUBLIC) in shown


def test_everything_is_shown_where_it_may_be() -> None:
    mine = executed(error(SECRET))

    shown = redact(mine, given_out=GIVEN_OUT, hidden=HIDDEN, what=lambda _: Sees.EVERYTHING)

    assert shown == mine


def test_what_is_given_is_not_changed() -> None:
    mine = executed(error(SECRET), stream(SECRET))
    before = json.dumps(mine)

    redact(mine, given_out=GIVEN_OUT, hidden=HIDDEN, what=lambda _: Sees.POINTS)

    assert json.dumps(mine) == before


# --- Outputs -----------------------------------------------------------------------------------------------

COLOURED = "".join(f"\x1b[38;5;{number}m{letter}\x1b[0m" for number, letter in enumerate(SECRET))
SPANS = "".join(f"<span class='x'>{html.escape(letter)}</span>" for letter in SECRET)


@pytest.mark.parametrize(
    "output",
    [
        stream(SECRET),
        stream(f"before\n----> 3 {SECRET}\nafter"),
        stream("\n".join(SECRET)),
        stream(COLOURED),
        stream(repr([SECRET, GRADED])),
        stream(json.dumps({"In": GRADED})),
        stream(SECRET.upper()),
        stream(SECRET.replace(" ", "\u00a0")),
        {"output_type": "stream", "name": "stdout", "text": list(SECRET)},
        result(**{"text/plain": repr(GRADED)}),
        result(**{"text/html": SPANS}),
        result(**{"image/svg+xml": f"<svg><text>{SPANS}</text></svg>"}),
        result(**{"application/json": {"a": [{SECRET: 1}]}}),
        {**result(), "metadata": {"x": SECRET}},
        error(f"----> 3 {SECRET}"),
        error("\x1b[0;31m----> 3\x1b[0m " + COLOURED),
        error("nothing", value=SECRET),
        error("nothing", name=SECRET),
        {"output_type": SECRET},
    ],
)
@pytest.mark.parametrize("by", ["t", "open", "q", "own"])
def test_no_output_quotes_what_is_hidden(output: Cell, by: str) -> None:
    shown = seen(output, by=by)

    assert not HIDDEN["t"].is_quoted_in(shown)
    assert "144" not in shown


def test_outputs_cannot_quote_together_what_none_quotes_alone() -> None:
    shown = seen(stream(SECRET[:20]), stream(SECRET[20:]), by="own")

    assert "144" not in shown


def test_the_message_of_a_hidden_test_is_not_shown() -> None:
    shown = json.loads(seen(error("AssertionError: twelve")))["cells"][1]["outputs"][0]

    assert (shown["ename"], shown["evalue"]) == ("AssertionError", str(HIDDEN_ERROR))
    assert "twelve" not in json.dumps(shown)


def test_the_error_of_a_line_that_was_given_out_is_shown_without_what_is_hidden() -> None:
    traceback = [
        f"----> 1 {PUBLIC}",
        "      2 ### BEGIN HIDDEN TESTS",
        f"      3 {SECRET}",
        "      4 x=1",
        "NameError: oh",
    ]

    shown = json.loads(seen(error(*traceback, value="oh", name="NameError")))["cells"][1]["outputs"][0]

    assert shown["evalue"] == "oh"
    assert shown["traceback"] == [f"----> 1 {PUBLIC}", "NameError: oh"]


@pytest.mark.parametrize("line", ["----> 4 x=1", "----> 9 y", "no arrow at all", ""])
def test_the_error_of_any_other_line_of_a_test_is_not_shown(line: str) -> None:
    shown = json.loads(seen(error(line)))["cells"][1]["outputs"][0]

    assert shown["evalue"] == str(HIDDEN_ERROR)


def test_what_quotes_nothing_stays() -> None:
    own = [stream("144\n"), result(**{"text/plain": "[1, 4]"}), error("line 1", value="oh", name="ValueError")]

    shown = json.loads(seen(*own, by="own"))

    assert shown["cells"][3]["outputs"] == own


def test_lines_that_quote_nothing_stay() -> None:
    shown = seen(stream(f"mine\n{SECRET}\nalso mine\n"), by="own")

    assert "also mine" in shown
    assert "144" not in shown


def test_nothing_of_a_test_is_shown_where_nothing_may_be() -> None:
    shown = json.loads(seen(stream("harmless"), what=Sees.NOTHING))

    assert shown["cells"][1]["outputs"] == []


def test_a_picture_is_no_text() -> None:
    picture = result(**{"image/png": "iVBORw0KGgo="})

    assert json.loads(seen(picture, by="own"))["cells"][3]["outputs"] == [picture]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(SECRET) | st.just(COLOURED),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just(SECRET), inner, max_size=3)
    ),
    max_leaves=8,
)
outputs = st.fixed_dictionaries(
    {},
    optional={
        "output_type": st.sampled_from(["stream", "error", "display_data"]) | anything,
        **dict.fromkeys(("text", "data", "metadata", "ename", "evalue", "traceback", "name"), anything),
    },
)


@given(st.lists(outputs, max_size=3), st.sampled_from(["t", "q", "own"]))
def test_whatever_is_put_out_nothing_hidden_is_shown(made: list[Cell], by: str) -> None:
    assert not HIDDEN["t"].is_quoted_in(seen(*made, by=by))


# --- Flags -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "by", "expected"),
    [
        (stream(GRADED), "own", (Leak(3, "", "t"),)),
        (result(**{"text/html": SPANS}), "q", (Leak(0, "q", "t"),)),
        (stream("144"), "own", ()),
        (error(f"----> 3 {SECRET}"), "t", ()),
    ],
)
def test_leaks(output: Cell, by: str, expected: tuple[Leak, ...]) -> None:
    assert leaks(executed(output, by=by), hidden=HIDDEN) == expected
