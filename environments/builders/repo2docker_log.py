"""What repo2docker says, as lines for people: JSON unwrapped, BuildKit's numbers and bookkeeping left out. Pure."""

from __future__ import annotations

import json
import re

from environments.builders.lines import LineReader

_MESSAGE = re.compile(r'\{"message": "(?P<text>(?:[^"\\]|\\.)*)')
"""The beginning of a line of JSON, which is enough of one that was cut for its length."""
_VERTEX = re.compile(r"#(?P<number>\d+)(?: (?P<seconds>\d+\.\d+)(?= |$))? ?(?P<text>.*)", re.DOTALL)
_INTERNAL = re.compile(r"\[(?:\S+ )?internal\]|exporting |preparing |building with |sending tarball")
_BOOKKEEPING = re.compile(r"(?:DONE|CACHED|sha256:[0-9a-f]{64}|extracting|resolve|transferring)\b.*|\.\.\.|")
_OUR_OWN = re.compile(
    r"Picked \w+ content provider\.|Using local repo .*|Error during build: Command .*"
    r"|Reusing existing image .*|Run 'docker --help' for more information|"
)


def unwrapped(line: str) -> list[str]:
    """The lines of text in one line of repo2docker's log; what is not JSON is taken as it is."""
    if not line.startswith("{"):
        return [line]
    try:
        message = json.loads(line)["message"]
    except (ValueError, KeyError, TypeError):
        beginning = _MESSAGE.match(line)
        if beginning is None:
            return [line]
        message = _unescaped(beginning["text"])
    reader = LineReader()
    return [*reader.feed(str(message).encode(errors="replace")), *reader.flush()]


class Progress:
    """Cleans the lines of one build, in their order."""

    def __init__(self) -> None:
        self._internal: set[str] = set()
        """The numbers of BuildKit's own steps, which nobody asked for."""

    def shown(self, line: str) -> str:
        """What a person needs to see of this line; empty when that is nothing."""
        vertex = _VERTEX.fullmatch(line)
        if vertex is None:
            return "" if _OUR_OWN.fullmatch(line) else line
        text = vertex["text"]
        if vertex["seconds"] is not None:
            return text
        if _INTERNAL.match(text):
            self._internal.add(vertex["number"])
        if text.startswith("ERROR"):
            return text
        return "" if vertex["number"] in self._internal or _BOOKKEEPING.fullmatch(text) else text


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
