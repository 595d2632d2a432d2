"""Everything that can go wrong while something is found, built, started or reached.

An error is a stable *code* and the facts that fill its sentence. The words live in `REASONS`, by subject in the modules
here, so that a failure stored in a row today is explained tomorrow in the language of whoever reads it. Errors are
split by whose fault it is: the person's (`UserError`), ours (`SystemFailure`), or nobody's (`Cancelled`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from environments.errors import asking, building, entering, files, programs, quotas, running, sources
from environments.errors.reason import TRY_AGAIN, Reason

__all__ = [
    "REASONS",
    "Cancelled",
    "EnvironmentsError",
    "Explanation",
    "Reason",
    "SystemFailure",
    "UserError",
    "explain",
]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason with its facts filled in, in the active language."""

    code: str
    sentence: str
    next_step: str

    @property
    def lines(self) -> list[str]:
        """Both, as a form shows them at a field."""
        return [self.sentence, self.next_step]


class EnvironmentsError(Exception):
    """Base of every error this app raises on purpose.

    `code` is a key of `REASONS`; `facts` fill its sentence and are stored and shown, so they hold no
    secret; `detail` is for the log only.
    """

    def __init__(self, code: str, *, detail: str = "", **facts: str | int) -> None:
        super().__init__(f"{code} {facts} {detail}".strip())
        self.code = code
        self.facts: dict[str, str | int] = facts
        self.detail = detail

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes; the errors of an app above this one bring their own."""
        return REASONS

    @property
    def status(self) -> int:
        """The HTTP status that fits."""
        return self.reasons()[self.code].status

    def explain(self) -> Explanation:
        """The sentence and the next step for the person who meets this error."""
        return explain(self.code, self.facts, reasons=self.reasons())


class UserError(EnvironmentsError):
    """What was asked for cannot be done as asked; the person can change that."""


class SystemFailure(EnvironmentsError):
    """Carrel, or something it depends on, failed; the person can only try again or tell the operator."""


class Cancelled(EnvironmentsError):
    """Somebody stopped it on purpose."""


def explain(code: str, facts: Mapping[str, str | int], *, reasons: Mapping[str, Reason] | None = None) -> Explanation:
    """Words for a stored failure; a code or fact this version does not know still gets a sentence."""
    reason = (reasons or REASONS).get(code, REASONS["unexpected"])
    known = _Facts({key: str(value) for key, value in facts.items()})
    return Explanation(code, str(reason.sentence).format_map(known), str(reason.next_step).format_map(known))


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


REASONS: dict[str, Reason] = {
    **asking.REASONS,
    **sources.REASONS,
    **building.REASONS,
    **running.REASONS,
    **entering.REASONS,
    **files.REASONS,
    **quotas.REASONS,
    **programs.REASONS,
    "unexpected": Reason(
        _("Something went wrong that should not have."),
        TRY_AGAIN,
        status=500,
    ),
}
