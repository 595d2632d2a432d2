"""A newer release brought into a student's copy: cell by cell, and with every answer kept. Pure.

The order, the words, the tests and what nbgrader says of the cells are the new release's. The student's are the sources
of the answers, and every cell they have made: it stays behind the cell that it stood behind. Work in a cell that is no
longer there, or in one that is not theirs to change, stays as a plain cell. Only what was given out and never touched
goes. Doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assignments.notebooks.cells import (
    Cell,
    Notebook,
    by_grade_id,
    copy_of,
    grade_id_of,
    is_answer,
    plain,
    same_words,
    with_ids,
)

_TOP = -1


@dataclass(frozen=True, slots=True)
class Merged:
    """A student's copy of the new release, and what became of the cells, by `grade_id`."""

    notebook: Notebook
    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    """Given out anew, with other words or other tests in them."""
    removed: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    """What the student had written there is in a plain cell now."""


def merge(mine: Notebook, *, old: Notebook, new: Notebook) -> Merged:
    """The student's copy `mine` of the release `old`, brought to `new`; none of them is changed."""
    return _Merge(mine, old, new).result()


class _Merge:
    """Deals the cells of a student out to the places of the new release."""

    def __init__(self, mine: Notebook, old: Notebook, new: Notebook) -> None:
        self._mine, self._new = mine, new
        self._old = by_grade_id(old["cells"])
        self._place_of = {grade_id_of(cell): place for place, cell in enumerate(new["cells"]) if grade_id_of(cell)}
        self._old_texts = _texts(old)
        self._new_texts: dict[tuple[str, str] | None, int] = {
            words: place for place, cell in enumerate(new["cells"]) if (words := _text_of(cell))
        }
        self._at_place: dict[int, Cell] = {}
        self._behind: dict[int, list[Cell]] = {}
        self._set_aside: list[str] = []

    def result(self) -> Merged:
        right = _right_copies(self._mine["cells"], self._old)
        anchor = _TOP
        for position, cell in enumerate(self._mine["cells"]):
            anchor = self._deal(copy_of(cell), anchor, is_right=right.get(grade_id_of(cell)) == position)
        cells = list(self._behind.get(_TOP, ()))
        for place, given in enumerate(self._new["cells"]):
            cells += [self._filled(given, self._at_place.get(place)), *self._behind.get(place, ())]
        minor = max(self._mine["nbformat_minor"], self._new["nbformat_minor"])
        cells, _ = with_ids(cells, minor=minor)
        metadata = {**self._mine["metadata"], **self._new["metadata"]}
        notebook = {**self._mine, "nbformat_minor": minor, "metadata": metadata, "cells": cells}
        return Merged(notebook, *self._changes())

    def _deal(self, cell: Cell, anchor: int, *, is_right: bool) -> int:
        """Put a cell of the student's where it goes, or behind what it stood behind; what the next stands behind."""
        grade_id = grade_id_of(cell)
        place = self._place_of.get(grade_id) if grade_id else self._new_texts.get(_text_of(cell))
        if not grade_id:
            if place is not None and place not in self._at_place:
                self._at_place[place] = cell
                return place
            if place is not None or _text_of(cell) not in self._old_texts:
                self._behind.setdefault(anchor, []).append(plain(cell))
            return anchor
        if place is not None and is_right:
            self._at_place[place] = cell
            anchor = place
        if self._is_work(cell) and not (is_right and place is not None and is_answer(self._new["cells"][place])):
            self._behind.setdefault(anchor, []).append(plain(cell))
            self._set_aside.append(grade_id)
        return anchor

    def _is_work(self, cell: Cell) -> bool:
        """Whether a student has written in it what was in neither release."""
        grade_id = grade_id_of(cell)
        place = self._place_of.get(grade_id)
        given = [self._old.get(grade_id), None if place is None else self._new["cells"][place]]
        return bool(cell["source"].strip()) and not any(
            one and same_words(cell["source"], one["source"]) for one in given
        )

    def _filled(self, given: Cell, mine: Cell | None) -> Cell:
        """A cell of the new release with the student's answer in it, if there is one."""
        given = copy_of(given)
        if mine is None or not (is_answer(given) and self._is_work(mine)):
            return given
        answered = {**given, "source": mine["source"]}
        if given["cell_type"] != mine["cell_type"]:
            return answered
        return {**answered, **{key: mine[key] for key in ("outputs", "execution_count", "attachments") if key in mine}}

    def _changes(self) -> Iterable[tuple[str, ...]]:
        new = by_grade_id(self._new["cells"])
        mine = set(by_grade_id(self._mine["cells"]))
        yield tuple(grade_id for grade_id in new if grade_id not in mine)
        yield tuple(
            grade_id
            for grade_id, cell in new.items()
            if grade_id in mine and grade_id in self._old and not _is_same(cell, self._old[grade_id])
        )
        yield tuple(grade_id for grade_id in self._old if grade_id in mine and grade_id not in new)
        yield tuple(dict.fromkeys(self._set_aside))


def _right_copies(cells: list[Cell], old: dict[str, Cell]) -> dict[str, int]:
    """Of several cells with one `grade_id` the last that differs from what was given out, or else the last."""
    right: dict[str, int] = {}
    is_written: dict[str, bool] = {}
    for position, cell in enumerate(cells):
        grade_id = grade_id_of(cell)
        given = old.get(grade_id)
        written = bool(cell["source"].strip()) and not (given and same_words(cell["source"], given["source"]))
        if grade_id and (written or not is_written.get(grade_id)):
            right[grade_id], is_written[grade_id] = position, written
    return right


def _texts(notebook: Notebook) -> set[tuple[str, str]]:
    return {words for cell in notebook["cells"] if (words := _text_of(cell))}


def _text_of(cell: Cell) -> tuple[str, str] | None:
    """What a cell that nbgrader knows nothing of is known by; None for one it knows, and an empty one."""
    words = cell["source"].strip()
    return (cell["cell_type"], words) if words and not grade_id_of(cell) else None


def _is_same(one: Cell, other: Cell) -> bool:
    return bool(one["source"] == other["source"] and one["metadata"] == other["metadata"])
