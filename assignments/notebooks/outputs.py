"""What a cell has put out, in the notebook format, bounded, and built of nothing but what a message may hold. Pure.

A kernel says what it likes: megabytes, JSON as deep as a well, half a character. And what is in a cell's outputs
decides about points: an error or a warning costs them, a number as the result is partial credit. So whatever scores is
kept when the rest is cut off, and nothing that comes later takes it away again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_ESSENTIALS = 20
"""So many outputs of a cell are kept for what they score when there is no room for them otherwise."""

_KINDS = frozenset({"stream", "display_data", "execute_result", "error"})
_SCORES = frozenset({"error", "execute_result"})
_MIME_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}(;[^\n]{1,100})?")
_MAX_DEPTH = 20
_MAX_KEYS = 200
_MAX_NAME = 200
_MAX_LINES = 1000
_ESSENTIAL = 200
"""How many characters of an output have to be kept for what it scores."""

Output = dict[str, Any]
_CUT: Output = {"output_type": "stream", "name": "stdout", "text": "\n[There was more output, which was not kept.]\n"}


@dataclass(slots=True)
class Allowance:
    """How many bytes are left, of the cells of one notebook together."""

    bytes: int


@dataclass(slots=True)
class _Kept:
    output: Output
    size: int
    display_id: str = ""


@dataclass(slots=True)
class CellOutputs:
    """What one cell has put out. With `is_test`, what scores can be taken back by nobody."""

    allowance: Allowance
    max_bytes: int
    max_outputs: int
    is_test: bool = False
    is_cut: bool = False
    """Whether something was left out."""
    has_lost_essentials: bool = False
    """Whether what was left out might have scored."""
    _kept: list[_Kept] = field(default_factory=list)
    _size: int = 0
    _essentials: int = 0
    _clear_first: bool = False

    def __iter__(self) -> Iterator[Output]:
        return (kept.output for kept in self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, kind: str, content: Mapping[str, Any], *, count: int | None = None) -> None:
        """Take in a message that shows something. One that shows nothing, or nothing well-formed, is left out."""
        output = output_of(kind, content, count=count)
        if output is None:
            return
        if self._clear_first:
            self._clear_first = False
            self.clear()
        if kind == "stream" and self._extend(output):
            return
        size = size_of(output)
        if size > self._room or len(self._kept) >= self.max_outputs:
            self._cut(output)
        else:
            self._keep(output, size, display_id_of(content))

    def fail(self, content: Mapping[str, Any]) -> None:
        """Add an error that is kept whatever there is already."""
        output = error_output(content)
        output = output if size_of(output) <= self._room else _essential(output)
        self._keep(output, size_of(output))

    def clear(self, *, wait: bool = False) -> None:
        """Do what `clear_output` asks for: now, or with `wait` once there is something else to show."""
        if wait:
            self._clear_first = True
            return
        stays = [kept for kept in self._kept if self.is_test and _is_scoring(kept.output)]
        self.allowance.bytes += self._size - sum(kept.size for kept in stays)
        self._kept, self._size = stays, sum(kept.size for kept in stays)

    def update(self, content: Mapping[str, Any]) -> None:
        """Show something else in the place of what was shown under the same id. A result is none of these."""
        output, name = output_of("display_data", content), display_id_of(content)
        if output is None or not name:
            return
        size = size_of(output)
        for kept in self._kept:
            if kept.display_id == name and kept.output["output_type"] == "display_data":
                if size - kept.size > self._room:
                    self.is_cut = True
                else:
                    self._pay(size - kept.size)
                    kept.output, kept.size = output, size

    def settled(self) -> list[Output]:
        """The outputs to keep. A test has one result at most, and none where it has failed.

        What is graded is the first result, even before an error, and a program under test can show one itself.
        So of several results the worst counts, and the others are shown without counting. One without any text,
        which nbgrader cannot grade, does not count either.
        """
        outputs = list(self)
        if self.is_test:
            graded = [output for output in self._results() if output["data"].get("text/plain")]
            counts = None if self.has_failed else min(graded, key=_worth, default=None)
            outputs = [output if output is counts else _shown_only(output) for output in outputs]
        return [*outputs, _CUT] if self.is_cut else outputs

    @property
    def has_failed(self) -> bool:
        """Whether there is an error among them."""
        return any(output["output_type"] == "error" for output in self)

    @property
    def has_scoring_failure(self) -> bool:
        """Whether there is anything among them for which nbgrader gives no points."""
        return self.has_failed or any(output.get("name") == "stderr" for output in self)

    @property
    def has_several_results(self) -> bool:
        """Whether more than one of them says it is the result."""
        return len(self._results()) > 1

    @property
    def _room(self) -> int:
        return min(self.max_bytes - self._size, self.allowance.bytes)

    def _results(self) -> list[Output]:
        return [output for output in self if output["output_type"] == "execute_result"]

    def _keep(self, output: Output, size: int, display_id: str = "") -> None:
        self._kept.append(_Kept(output, size, display_id))
        self._pay(size)

    def _pay(self, size: int) -> None:
        self._size += size
        self.allowance.bytes -= size

    def _extend(self, output: Output) -> bool:
        """Put text behind text of the same stream, as far as there is room; whether that was the place for it."""
        last = self._kept[-1] if self._kept else None
        if last is None or last.output.get("name") != output["name"]:
            return False
        text = _fitting(output["text"], self._room)
        self.is_cut |= len(text) < len(output["text"])
        last.output["text"] += text
        size = _text_size(text)
        last.size += size
        self._pay(size)
        return True

    def _cut(self, output: Output) -> None:
        """Keep of an output what there is room for, and in any case what it scores."""
        self.is_cut = True
        if not _is_scoring(output):
            if output["output_type"] == "stream" and len(self._kept) < self.max_outputs:
                output["text"] = _fitting(output["text"], self._room - size_of({**output, "text": ""}))
                if output["text"]:
                    self._keep(output, size_of(output))
        elif self._essentials < MOST_ESSENTIALS:
            self._essentials += 1
            essential = _essential(output)
            self._keep(essential, size_of(essential))
        else:
            self.has_lost_essentials = True


def output_of(kind: str, content: Mapping[str, Any], *, count: int | None = None) -> Output | None:
    """The output of a notebook that a message describes; None where it describes none."""
    if kind not in _KINDS:
        return None
    if kind == "stream":
        name, text = content.get("name"), _text(content.get("text"))
        return {"output_type": kind, "name": name, "text": text} if name in ("stdout", "stderr") and text else None
    if kind == "error":
        return error_output(content)
    data = content.get("data")
    if not isinstance(data, Mapping):
        return None
    output: Output = {"output_type": kind, "data": _bundle(data), "metadata": _object(content.get("metadata"))}
    return output | ({"execution_count": count} if kind == "execute_result" else {})


def error_output(content: Mapping[str, Any]) -> Output:
    """An error as a kernel reports it, on whatever channel."""
    lines = content.get("traceback")
    return {
        "output_type": "error",
        "ename": _text(content.get("ename"))[:_MAX_NAME],
        "evalue": _text(content.get("evalue")),
        "traceback": [_text(line) for line in lines[:_MAX_LINES]] if isinstance(lines, list) else [],
    }


def display_id_of(content: Mapping[str, Any]) -> str:
    """The id by which something that is shown can be changed later; empty without one."""
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, Mapping) else None
    return name if isinstance(name, str) and len(name) <= _MAX_NAME else ""


def size_of(output: Output) -> int:
    """How many bytes it takes in the file of a notebook."""
    return len(json.dumps(output, ensure_ascii=False).encode())


def _text_size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _fitting(text: str, size: int) -> str:
    """As much of the beginning of a text as takes no more than `size` bytes in a file."""
    text = text[: max(0, size)]
    while (excess := _text_size(text) - size) > 0 and text:
        text = text[: -max(1, excess // 6)]  # A character takes six bytes at most.
    return text


def _is_scoring(output: Output) -> bool:
    return output["output_type"] in _SCORES or output.get("name") == "stderr"


def _essential(output: Output) -> Output:
    """Small enough to be kept in any case, and scoring the same."""
    match output["output_type"]:
        case "error":
            return {**output, "evalue": output["evalue"][:_ESSENTIAL], "traceback": []}
        case "stream":
            return {**output, "text": output["text"][:_ESSENTIAL]}
        case _:
            plain = output["data"].get("text/plain", "")
            return {**output, "data": {"text/plain": plain[:_ESSENTIAL]}, "metadata": {}}


def _shown_only(output: Output) -> Output:
    """The same as something that is shown and does not count, where it is a result."""
    if output["output_type"] != "execute_result":
        return output
    return {"output_type": "display_data", "data": output["data"], "metadata": output["metadata"]}


def _worth(output: Output) -> float:
    """How many points nbgrader gives for this result; without end where that is all there are."""
    try:
        points = float(output["data"].get("text/plain", ""))
    except ValueError:
        return math.inf
    return points if points >= 0 else math.inf


# --- What a message may hold ------------------------------------------------------------------------------------


def _bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data by MIME type: text, except where the type is one of JSON."""
    bundle = dict[str, Any]()
    for kind, value in list(data.items())[:_MAX_KEYS]:
        if not _MIME_TYPE.fullmatch(kind):
            continue
        if kind == "application/json" or kind.endswith("+json"):
            bundle[kind] = _json(value)
        elif isinstance(value, str | list):
            bundle[kind] = _text(value)
    return bundle


def _object(value: object) -> dict[str, Any]:
    return _json(value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Text that can be written to a file: halves of characters are replaced."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _json(value: Any, depth: int = 0) -> Any:
    """What JSON knows, no deeper than anybody needs. Numbers that are none become nothing."""
    if depth > _MAX_DEPTH:
        return None
    match value:
        case str():
            return _text(value)
        case dict():
            return {_text(name): _json(each, depth + 1) for name, each in value.items()}
        case list():
            return [_json(each, depth + 1) for each in value]
        case float():
            return value if math.isfinite(value) else None
        case bool() | int():
            return value
        case _:
            return None
