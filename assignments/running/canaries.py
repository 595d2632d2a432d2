"""Code that has to fail, to see whether a kernel still lets tests fail. Pure, but for chance.

A program under test lives in the same kernel as the tests, and can make assertions do nothing there. So after a test
that has passed, the driver has an assertion of its own run, which is wrong; a kernel where it does not fail as it has
to cannot be believed about the test either.

The kernel sees what it is sent. Canaries are never the same twice, look like tests, mention what the test mentions, and
leave no trace in the history, so that no rule as simple as “let `assert False` fail” tells them from tests. Whoever has
read this and takes a kernel over entirely can still answer them. They are evidence for a person and change no points.
"""

from __future__ import annotations

import ast
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORDS = (
    "answer",
    "case",
    "check",
    "empty",
    "expected",
    "first",
    "input",
    "large",
    "negative",
    "value",
    "wrong",
    "zero",
)
_CHANCE = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Canary:
    """An assertion that fails, and the words with which it does."""

    code: str
    words: str

    def is_alive(self, replies: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the kernel has answered once, with just this failure. What it shows may be told in any way."""
        return [(reply.get("status"), reply.get("ename"), reply.get("evalue")) for reply in replies] == [
            ("error", "AssertionError", self.words)
        ]


def canary_for(test: str) -> Canary:
    """One to run in a Python kernel after this test has passed."""
    words = " ".join([*_CHANCE.sample(_WORDS, k=_CHANCE.randint(1, 3)), secrets.token_hex(_CHANCE.randint(6, 12))])
    conditions = [_sum(), _product(), _text()]
    if name := subject_of(test):
        conditions += [f"{name} is not {name}", f"not ({name} is {name})"] * 2
    return Canary(f"assert {_CHANCE.choice(conditions)}, {words!r}", words)


def subject_of(test: str) -> str:
    """A name that is there for certain once the test has passed: the first in an assertion; empty without one."""
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # It may be anybody's; magics are none of Python's.
        return ""
    if any(isinstance(node, ast.Delete) for node in ast.walk(tree)):
        return ""
    names = [_first_name(statement.test) for statement in tree.body if isinstance(statement, ast.Assert)]
    return next(filter(None, names), "")


def _first_name(node: ast.expr) -> str:
    """The name that is looked up first when the expression is computed; empty when there is none."""
    while True:
        match node:
            case ast.Name():
                return node.id
            case ast.Compare(left=inner) | ast.BinOp(left=inner) | ast.BoolOp(values=[inner, *_]):
                node = inner
            case ast.UnaryOp(operand=inner) | ast.Call(func=inner):
                node = inner
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                node = inner
            case _:
                return ""


def _sum() -> str:
    one, other = _CHANCE.randint(2, 99), _CHANCE.randint(2, 99)
    return f"{one} + {other} == {one + other + _CHANCE.choice((-2, -1, 1, 2))}"


def _product() -> str:
    factors = [_CHANCE.randint(2, 20) for _number in range(3)]
    return f"[{factors[0]} * {factors[1]}, {factors[2]}] == [{factors[0] * factors[1]}, {factors[2] + 1}]"


def _text() -> str:
    word = _CHANCE.choice(_WORDS)
    return f"{word!r}.upper() == {word!r}"
