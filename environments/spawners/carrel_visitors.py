"""Tells a Jupyter server who is visiting it: the gateway says so, in headers that nobody else can send.

Run by an image's own Python, inside the server, so it imports nothing of Carrel and keeps to what 3.8 has. Without
it all visitors of a server are anonymous, since they share its one token.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from jupyter_server.auth.identity import (  # type: ignore[import-not-found,unused-ignore]
    PasswordIdentityProvider,
    User,
)


class CarrelIdentityProvider(PasswordIdentityProvider):  # type: ignore[misc,unused-ignore]
    """As Jupyter's own, but whoever shows the server's token is the person the gateway speaks for."""

    async def get_user_token(self, handler: Any) -> User | None:
        """Somebody with the token, under their own name; what else Jupyter knows of them (a colour) stays."""
        user = await super().get_user_token(handler)
        username = unquote(handler.request.headers.get("X-Carrel-User", ""))
        if user is None or not username:
            return user
        name = unquote(handler.request.headers.get("X-Carrel-Name", "")) or username
        return replace(user, username=username, name=name, display_name=name, initials=initials_of(name))


def initials_of(name: str) -> str:
    """The first letters of the first and the last word of a name."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
