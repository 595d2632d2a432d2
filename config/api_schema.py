"""What the OpenAPI description says of each operation beside its own words: the scope a token needs for it."""

from __future__ import annotations

from drf_spectacular.openapi import AutoSchema

from accounts.tokens import required_scope


class ScopedSchema(AutoSchema):
    """An operation's description, with its scope at the end."""

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular itself does
        """The docstring, and the scope."""
        words: str = super().get_description()
        scope = required_scope(self.method, self.view)
        return f"{words}\n\nA token needs the scope `{scope.value}`." if scope else words
