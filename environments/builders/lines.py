"""The output of a program as lines of plain text, whatever bytes it prints. Pure."""

from __future__ import annotations

import codecs
import re

MAX_LINE = 2000
_MAX_PENDING = 1 << 16
_BREAK = re.compile(r"\r\n|\r|\n")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class LineReader:
    """Cuts bytes into lines as they come. Holds no more than one bounded line."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._is_skipping = False

    def feed(self, data: bytes) -> list[str]:
        """The lines these bytes complete."""
        *complete, self._pending = _BREAK.split(self._pending + self._decoder.decode(data))
        lines = [self._finish(line) for line in complete if not self._skips()]
        if len(self._pending) > _MAX_PENDING:
            if not self._is_skipping:
                lines.append(self._finish(self._pending))
            self._pending, self._is_skipping = "", True
        return lines

    def flush(self) -> list[str]:
        """What remains when no more bytes will come."""
        rest = self.feed(b"\n")
        return [line for line in rest if line]

    def _skips(self) -> bool:
        """Whether the line that ends here is the rest of one that was cut."""
        skipped, self._is_skipping = self._is_skipping, False
        return skipped

    @staticmethod
    def _finish(line: str) -> str:
        return _CONTROL.sub("", _ESCAPE.sub("", line)).rstrip()
