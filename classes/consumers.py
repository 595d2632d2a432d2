"""The live half of a class's live page: says when to draw it again, and nothing else."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from django.urls import path

from accounts.models import User
from classes.context import AS_STUDENT
from classes.live import version_for
from classes.notices import course_group
from environments.consumers import RowsConsumer


class LiveConsumer(RowsConsumer):
    """Follows one class for its teachers and graders. Sends `{"type": "status", "version"}` when something changed.

    Who is in the class is no part of it: that a page asks for itself, and is asked for its rights again.
    """

    async def connect(self) -> None:
        """Nothing was sent yet."""
        self._version: str | None = None
        await super().connect()

    async def may_look(self) -> bool:
        """Whether this person may see the class live, and looks at it as what they are."""
        found = await self._read()
        return found is not None and str(found[0]) not in self.scope.get("session", {}).get(AS_STUDENT, [])

    async def look(self) -> bool:
        """Say that something changed."""
        found = await self._read()
        if found is None:
            return False
        course_id, version = found
        await self._subscribe({course_group(course_id)})
        if version != self._version:
            self._version = version
            await self.send_json({"type": "status", "version": version})
        return True

    async def _read(self) -> Any:
        user = self.scope.get("user")
        if not isinstance(user, User):
            return None
        return await database_sync_to_async(version_for)(user.pk, self.scope["url_route"]["kwargs"]["slug"])


websocket_urlpatterns = [path("ws/classes/<slug:slug>/live/", LiveConsumer.as_asgi())]
