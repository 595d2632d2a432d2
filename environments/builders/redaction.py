"""Takes secrets, and places of this machine, out of lines that people will read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MASK = "[hidden]"

_NAME = (
    r"(?:access[_-]?token|private[_-]?token|auth[_-]?token|token|api[_-]?key|apikey|password|passwd|pwd|secret"
    r"|client[_-]?secret|signature|sig|x-amz-signature|x-amz-credential|x-amz-security-token|credential)"
)
_PATTERNS = (
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#'\"<>`]*@"), rf"\1{MASK}@"),
    (re.compile(rf"(?i)([?&;]{_NAME}=)[^\s&;'\"<>`]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:\w+\s+)?)[^\s\"',]+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)\b(\w*{_NAME}[\"']?\s*[:=](?!=)\s*[\"']?)(?!\s)[^\s\"',&;`]{{6,}}"), rf"\1{MASK}"),
    (
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}"
            r"|pypi-[\w-]{40,}|xox[abpr]-[\w-]{10,}|AKIA[0-9A-Z]{16}|carrel_\w{16,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*)"
        ),
        MASK,
    ),
)


def redact(line: str, places: Mapping[str, str] | None = None, secrets: Iterable[str] = ()) -> str:
    """The line without passwords and tokens, and with each of `places` (paths) replaced by what it says.

    `secrets` are taken out wherever they stand. Others are known by their surroundings (addresses, query strings,
    assignments) and by the well-known beginnings of tokens; what looks like any other word stays.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        line = line.replace(secret, MASK)
    for place, shown in (places or {}).items():
        line = line.replace(place, shown)
    for pattern, replacement in _PATTERNS:
        line = pattern.sub(replacement, line)
    return line
