"""Which answers to one cell are alike, so that a grader can look at them side by side. Pure.

Code is compared as its tokens: without comments, docstrings and spacing, and with names that the answer has chosen
itself told apart but not read. So answers are the same where only names differ. Beyond that, how near two of them are
is the share of tokens they have in common, in order. What is said is that answers resemble each other, never why.
"""

from __future__ import annotations

import builtins
import io
import keyword
import re
import tokenize
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from rapidfuzz import fuzz, process

NEAR = 0.85
MAX_CHARACTERS = 10_000
MAX_TOKENS = 500
"""So much of an answer is compared."""
MIN_TOKENS = 12
"""Shorter answers are only compared for being the same: there are not many ways to write them."""
MAX_GROUPS = 300
"""So many different answers are compared for being near to each other, those given most often first."""

_KNOWN = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins)})
_LAYOUT = frozenset({tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT})
_LEFT_OUT = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER})
_WORD = re.compile(r"\w+|[^\w\s]")
_MAX_CHARACTER = 20_000


@dataclass(frozen=True, slots=True)
class Group:
    """Answers that are the same but for comments, spacing and names; by the keys they came with."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Groups each of which is near to another one of them, those with the most answers first."""

    groups: tuple[Group, ...]

    @property
    def size(self) -> int:
        """How many answers these are."""
        return sum(len(group.keys) for group in self.groups)


def alike(answers: Mapping[str, str], *, is_code: bool = True, at_least: float = NEAR) -> tuple[Cluster, ...]:
    """The clusters of more than one answer, the largest first; `answers` are sources by whatever key.

    Empty answers are left out. Takes some seconds for a thousand answers of which no two are the same.
    """
    groups = _groups(answers, is_code=is_code)
    long = [form for form in groups if len(form) >= MIN_TOKENS]
    near = _clusters(long[:MAX_GROUPS], at_least=at_least)
    alone = [[form] for form in groups if len(form) < MIN_TOKENS] + [[form] for form in long[MAX_GROUPS:]]
    clusters = [Cluster(tuple(Group(tuple(groups[form])) for form in forms)) for forms in [*near, *alone]]
    return tuple(sorted((cluster for cluster in clusters if cluster.size > 1), key=lambda cluster: -cluster.size))


Tokens = tuple[str, ...]


def tokens_of(source: str, *, is_code: bool = True) -> Tokens:
    """What an answer consists of, names of its own replaced by numbers in the order in which they appear."""
    try:
        return tuple(_python_tokens(source)) if is_code else _words(source)
    except (tokenize.TokenError, SyntaxError):  # Unfinished, another language, or with commands of the notebook.
        return _words(source)


def _groups(answers: Mapping[str, str], *, is_code: bool) -> dict[Tokens, list[str]]:
    """The keys of equal answers, those given most often first."""
    groups = defaultdict[Tokens, list[str]](list)
    for key, source in answers.items():
        if tokens := _compared(source[:MAX_CHARACTERS], is_code):
            groups[tokens].append(key)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


@lru_cache(maxsize=1000)
def _compared(source: str, is_code: bool) -> Tokens:
    """Kept, for graders look at one answer after another, and each time at all those of the class."""
    return tokens_of(source, is_code=is_code)[:MAX_TOKENS]


def _python_tokens(source: str) -> Iterable[str]:
    numbers = dict[str, int]()
    found = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in _LEFT_OUT]
    before = "\n"
    for token, after in zip_longest(found, found[1:]):
        is_statement = before in _MARKS and (after is None or after.type == tokenize.NEWLINE)
        if token.type in _LAYOUT:
            if not (token.type == tokenize.NEWLINE and before in _MARKS):
                before = _MARK[token.type]
                yield before
        elif token.type == tokenize.STRING and is_statement:
            continue
        elif token.type == tokenize.NAME and token.string not in _KNOWN and before != ".":
            yield f"name {numbers.setdefault(token.string, len(numbers))}"
            before = token.string
        else:
            before = token.string
            yield before


_MARK = {tokenize.NEWLINE: "\n", tokenize.INDENT: "indent", tokenize.DEDENT: "dedent"}
_MARKS = frozenset(_MARK.values())


def _words(source: str) -> Tokens:
    lines = (line for line in source.splitlines() if not line.lstrip().startswith("#"))
    return tuple(word for line in lines for word in _WORD.findall(line.casefold()))


# --- Near ones --------------------------------------------------------------------------------------------------


def _clusters(forms: Sequence[Tokens], *, at_least: float) -> list[list[Tokens]]:
    """Forms that are near to each other, directly or through others."""
    numbers = dict[str, int]()
    pairs = sorted((("".join(_character(token, numbers) for token in form), form) for form in forms), key=_length)
    texts = [text for text, _form in pairs]
    cluster = list(range(len(pairs)))
    for number, text in enumerate(texts):
        end = bisect_right(texts, (2 / at_least - 1) * len(text), key=len)  # What is longer cannot be near.
        others = {place: texts[place] for place in range(number + 1, end) if cluster[place] != cluster[number]}
        near = process.extract(text, others, scorer=fuzz.ratio, score_cutoff=at_least * 100, limit=None)
        joined = {cluster[number], *(cluster[place] for _text, _score, place in near)}
        if len(joined) > 1:
            cluster = [min(joined) if one in joined else one for one in cluster]
    clusters = defaultdict[int, list[Tokens]](list)
    places = {form: place for place, (_text, form) in enumerate(pairs)}
    for form in forms:
        clusters[cluster[places[form]]].append(form)
    return list(clusters.values())


def _length(pair: tuple[str, Tokens]) -> int:
    return len(pair[0])


def _character(token: str, numbers: dict[str, int]) -> str:
    """A character for a token, all names of the answer's own being one: another one more shifts the numbers."""
    token = "name" if token.startswith("name ") else token
    return chr(1 + min(numbers.setdefault(token, len(numbers)), _MAX_CHARACTER))
