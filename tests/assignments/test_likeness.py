"""Which answers are taken for alike."""

from __future__ import annotations

import random

import pytest

from assignments.grading.likeness import MAX_GROUPS, alike, tokens_of

LOOP = (
    "def squares(n):\n    found = []\n    for i in range(1, n + 1):\n        found.append(i ** 2)\n    return found\n"
)
RENAMED = (
    'def squares(count):\n    """All of them."""\n    out = []  # so far\n\n    for number in range(1, count+1):\n'
    "        out.append(number**2)\n    return out\n"
)
NEARLY = LOOP.replace("i ** 2", "i * i")
SHORT = "def squares(n):\n    return [i ** 2 for i in range(1, n + 1)]\n"
RECURSIVE = "def squares(n):\n    if n < 1:\n        raise ValueError\n    return [*squares(n - 1), n]\n"


def keys(answers: dict[str, str]) -> list[list[tuple[str, ...]]]:
    return [[group.keys for group in cluster.groups] for cluster in alike(answers)]


def test_answers_that_differ_in_names_comments_and_spacing_are_the_same() -> None:
    assert keys({"a": LOOP, "b": RENAMED, "c": RECURSIVE}) == [[("a", "b")]]


def test_answers_that_differ_in_little_are_near() -> None:
    assert keys({"a": LOOP, "b": NEARLY, "c": LOOP}) == [[("a", "c"), ("b",)]]


def test_answers_that_differ_are_not_alike() -> None:
    assert keys({"a": LOOP, "b": SHORT, "c": RECURSIVE}) == []


def test_largest_cluster_comes_first() -> None:
    answers = {"a": SHORT, "b": LOOP, "c": SHORT, "d": LOOP, "e": NEARLY}

    assert [cluster.size for cluster in alike(answers)] == [3, 2]


def test_names_swapped_are_told_apart() -> None:
    assert tokens_of("a - b + a") != tokens_of("a - b + b")


@pytest.mark.parametrize(("one", "other"), [("x.real", "x.imag"), ("len(x)", "sum(x)"), ("x + 1", "x + 2")])
def test_what_an_answer_did_not_name_itself_matters(one: str, other: str) -> None:
    assert tokens_of(one) != tokens_of(other)


@pytest.mark.parametrize("short", ["x = 1", "pass"])
def test_short_answers_are_alike_only_when_the_same(short: str) -> None:
    assert keys({"a": short, "b": short, "c": f"{short}; y = 2"}) == [[("a", "b")]]


@pytest.mark.parametrize("empty", ["", "\n\n", "# your code here\n"])
def test_empty_answers_are_left_out(empty: str) -> None:
    assert keys({"a": empty, "b": empty}) == []


@pytest.mark.parametrize(
    "source", ["def f(:\n  '''", "%matplotlib inline\nx = 1", "if true; then echo 1; fi", "\x00", "(" * 99]
)
def test_source_that_is_no_python_is_compared_by_words(source: str) -> None:
    assert keys({"a": source, "b": f"{source}\n\n"}) == [[("a", "b")]]


def test_written_answers_are_compared_by_words() -> None:
    one = "The list grows by one element each time, so appending to it n times takes about n steps in all."

    clusters = alike({"a": one, "b": one.upper(), "c": one.replace("grows", "expands")}, is_code=False)

    assert [[group.keys for group in cluster.groups] for cluster in clusters] == [[("a", "b"), ("c",)]]


def test_thousand_answers_have_the_same_ones_found_whatever_the_rest() -> None:
    chance = random.Random(1)
    answers = {f"{n}": "\n".join(f"x{n}.a{chance.random()} = {n}" for _line in range(20)) for n in range(998)}

    assert len(answers) > MAX_GROUPS
    assert keys(answers | {"first": LOOP, "last": RENAMED}) == [[("first", "last")]]
