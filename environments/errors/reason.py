"""One reason, as all parts of `REASONS` say theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class Reason:
    """The words for one error code, and the HTTP status an API client gets with it."""

    sentence: str | _StrPromise
    next_step: str | _StrPromise
    status: int = 400


TRY_AGAIN = _("Try again. If it happens again, tell whoever runs this Carrel.")
