"""Bytes of any kind made into lines that can be stored and shown."""

from __future__ import annotations

import pytest

from environments.builders.lines import LineReader


def read(*pieces: bytes) -> list[str]:
    reader = LineReader()
    return [line for piece in pieces for line in reader.feed(piece)] + reader.flush()


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\ntw", b"o"], ["one", "two"]),
        ([b"one\r\ntwo\r\n"], ["one", "two"]),
        ([b" 10%\r 20%\rdone\n"], [" 10%", " 20%", "done"]),
        (["é".encode()[:1], "é".encode()[1:] + b"\n"], ["é"]),
        ([b"\xff\n"], ["\N{REPLACEMENT CHARACTER}"]),
        ([b"\x1b[1;31merror\x1b[0m\n"], ["error"]),
        ([b"\x1b]0;title\x07text\n"], ["text"]),
        ([b"nul\x00bell\x07\n"], ["nulbell"]),
        ([b"tab\tstays\n"], ["tab\tstays"]),
        ([], []),
    ],
)
def test_feed_gives_plain_lines(pieces: list[bytes], lines: list[str]) -> None:
    assert read(*pieces) == lines


def test_feed_cuts_endless_line() -> None:
    lines = read(*[b"x" * 10_000] * 100, b"rest of it\nnext\n")

    assert [len(lines), lines[-1]] == [2, "next"]
    assert len(lines[0]) < 100_000
