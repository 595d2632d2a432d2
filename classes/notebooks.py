"""What is in a saved notebook, and how far its author is. Pure: bytes in, values out.

A notebook is a file of somebody else's and may be anything: no JSON at all, JSON that is no notebook, made to be huge
or deep. What is read of it is bounded, and nothing it says about a page (HTML, scripts, SVG) is ever kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from classes.errors import CourseError

MAX_BYTES = 8_000_000
MAX_CELLS = 5_000
MAX_BRACKETS = 200_000
"""Lists and objects cost twenty times their size in memory."""
MAX_TEXT = 20_000
"""So many characters of one text are kept to be shown."""
MAX_OUTPUTS = 50
TEST_TAGS = frozenset({"test", "check"})

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PNG = b"\x89PNG\r\n\x1a\n"


class Kind(StrEnum):
    """What a cell is."""

    CODE = "code"
    TEXT = "markdown"
    RAW = "raw"


class Shows(StrEnum):
    """What an output is, as far as it can be shown."""

    TEXT = "text"
    ERROR = "error"
    PICTURE = "picture"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True)
class Output:
    """One thing a cell has printed or drawn. `text` of a picture is its PNG in base64."""

    shows: Shows
    text: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell, as it was saved."""

    kind: Kind
    source: str
    count: int | None = None
    """The number beside code that has run."""
    is_test: bool = False
    """Whether it tests an answer."""
    outputs: tuple[Output, ...] = ()

    @property
    def is_executed(self) -> bool:
        """Whether it is code that has run."""
        return self.kind == Kind.CODE and (self.count is not None or bool(self.outputs))

    @property
    def has_failed(self) -> bool:
        """Whether it ended in an error when it last ran."""
        return any(output.shows == Shows.ERROR for output in self.outputs)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the author of a notebook is, in cells."""

    cells: int = 0
    """With code in them."""
    executed: int = 0
    tests: int = 0
    validated: int = 0
    """Tests that have run without an error."""
    failing: int = 0
    """Cells that ended in an error."""


def read_notebook(raw: bytes) -> list[Cell]:
    """The cells of a saved notebook. Raises CourseError `notebook_unreadable` for whatever is none."""
    if len(raw) > MAX_BYTES or raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise CourseError("notebook_unreadable")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CourseError("notebook_unreadable") from error
    cells = document.get("cells") if isinstance(document, Mapping) else None
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        raise CourseError("notebook_unreadable")
    return [_cell(cell) for cell in cells if isinstance(cell, Mapping)]


def progress_of(cells: Iterable[Cell]) -> Progress:
    """How far the author is. A cell without anything in it does not count."""
    code = [cell for cell in cells if cell.kind == Kind.CODE and cell.source.strip()]
    tests = [cell for cell in code if cell.is_test]
    return Progress(
        cells=len(code),
        executed=sum(cell.is_executed for cell in code),
        tests=len(tests),
        validated=sum(cell.is_executed and not cell.has_failed for cell in tests),
        failing=sum(cell.has_failed for cell in code),
    )


def _cell(cell: Mapping[str, Any]) -> Cell:
    kind = cell.get("cell_type")
    source = _text(cell.get("source"))
    if kind != Kind.CODE:
        return Cell(Kind.TEXT if kind == Kind.TEXT else Kind.RAW, source)
    count, outputs = cell.get("execution_count"), cell.get("outputs")
    return Cell(
        Kind.CODE,
        source,
        count=count if type(count) is int and 0 <= count < 1 << 31 else None,
        is_test=_is_test(cell.get("metadata")),
        outputs=tuple(map(_output, _some(outputs))),
    )


def _some(outputs: object) -> list[Mapping[str, Any]]:
    """The first of them, and every error: whether a cell failed must not depend on how much it printed."""
    known = [output for output in outputs if isinstance(output, Mapping)] if isinstance(outputs, list) else []
    errors = [output for output in known[MAX_OUTPUTS:] if output.get("output_type") == "error"]
    return known[:MAX_OUTPUTS] + errors[:1]


def _is_test(metadata: object) -> bool:
    """Whether nbgrader grades by running it, or its author has tagged it as a test."""
    if not isinstance(metadata, Mapping):
        return False
    grading, tags = metadata.get("nbgrader"), metadata.get("tags")
    if isinstance(grading, Mapping) and grading.get("grade") is True and grading.get("solution") is not True:
        return True
    return isinstance(tags, list) and any(isinstance(tag, str) and tag in TEST_TAGS for tag in tags)


def _output(output: Mapping[str, Any]) -> Output:
    kind = output.get("output_type")
    if kind == "stream":
        return Output(Shows.TEXT, _text(output.get("text")))
    if kind == "error":
        words = _text(output.get("traceback"), between="\n") or _text(output.get("evalue"))
        return Output(Shows.ERROR, words)
    data = output.get("data")
    if not isinstance(data, Mapping):
        return Output(Shows.LEFT_OUT)
    if picture := _picture(data.get("image/png")):
        return Output(Shows.PICTURE, picture)
    words = _text(data.get("text/plain"))
    return Output(Shows.TEXT, words) if words else Output(Shows.LEFT_OUT)


def _text(parts: object, *, between: str = "") -> str:
    """A text as notebooks save it, in one piece or line by line; without the colours of a terminal, and cut."""
    if isinstance(parts, list):
        parts = between.join(part for part in parts if isinstance(part, str))
    if not isinstance(parts, str):
        return ""
    text = _ANSI.sub("", parts).encode(errors="replace").decode().replace("\0", "")
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " …"


def _picture(encoded: object) -> str:
    """A PNG in base64, spelt anew; empty for what is none."""
    if isinstance(encoded, list):
        encoded = "".join(part for part in encoded if isinstance(part, str))
    if not isinstance(encoded, str):
        return ""
    try:
        raw = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(raw).decode() if raw.startswith(_PNG) else ""
