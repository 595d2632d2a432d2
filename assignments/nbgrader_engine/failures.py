"""What can go wrong in here, as codes: `assignments/errors.py` has the words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from nbgrader.nbgraderformat import SchemaTooNewError, SchemaTooOldError, ValidationError

_SAID = (
    ("Solution region detected", "solution_region_unmarked"),
    ("Hidden test region detected", "hidden_tests_unmarked"),
    ("begin solution", "region_broken"),
    ("no end solution", "region_broken"),
    ("hidden tests statement", "region_broken"),
    ("has not been specified in ClearSolutions", "language_unknown"),
    ("has not been specified in InstantiateTests", "language_unknown"),
)
"""How nbgrader's exceptions without a type of their own begin, and what each means."""


class EngineError(Exception):
    """A call that cannot be answered. `facts` are shown to people; `detail` is for the log."""

    def __init__(self, code: str, *, detail: str = "", **facts: str) -> None:
        super().__init__(f"{code} {facts} {detail}".strip())
        self.code = code
        self.facts = facts
        self.detail = detail


@contextmanager
def explained(notebook: str, *, otherwise: str) -> Iterator[None]:
    """Turn whatever nbgrader raises while it works on a notebook into an `EngineError`."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        raise EngineError(
            _code(error) or otherwise, detail=f"{type(error).__name__}: {error}"[:2000], notebook=notebook
        ) from error


def _code(error: Exception) -> str | None:
    if isinstance(error, SchemaTooOldError):
        return "schema_too_old"
    if isinstance(error, SchemaTooNewError):
        return "schema_too_new"
    if isinstance(error, ValidationError):
        return "cells_invalid"
    if isinstance(error, sqlalchemy.exc.DatabaseError | sqlite3.DatabaseError):
        return "gradebook_unreadable"
    return next((code for words, code in _SAID if words in str(error)), None)
