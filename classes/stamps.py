"""Stamps of what a form showed, so that nobody saves over what somebody else has saved since. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from classes.errors import CourseError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def stamp(facts: DataclassInstance) -> str:
    """The same for the same facts, and another for others."""
    return _digest(asdict(facts))


def stamp_of_order(keys: Iterable[UUID]) -> str:
    """The same for the same things in the same order."""
    return _digest([str(key) for key in keys])


def check_unchanged(facts: DataclassInstance, *, seen: str) -> None:
    """Raise CourseError `changed_meanwhile` where this is not what the form showed."""
    if stamp(facts) != seen:
        raise CourseError("changed_meanwhile")


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]
