"""What several views of a class answer: a refusal with its reason, the way back, a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.http import content_disposition_header

from classes.context import CourseRequest
from environments.errors import EnvironmentsError

CONFLICT, UNPROCESSABLE = 409, 422
_PIECE = 1 << 20


def refused(request: CourseRequest, error: EnvironmentsError, to: str, *arguments: Any) -> HttpResponse:
    """Back to a page of the class, with the reason why nothing came of it."""
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")
    return back(request, to, *arguments)


def download(content: bytes, name: str) -> HttpResponse:
    """A file as it is, to be kept and not to be shown by the browser."""
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, PurePosixPath(name).name) or "attachment"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


async def pieces_of(path: Path) -> AsyncIterator[bytes]:
    """A file bit by bit: it may be larger than memory, and others are served meanwhile."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()


def back(request: CourseRequest, to: str, *arguments: Any) -> HttpResponseRedirect:
    """To this page of the class."""
    return redirect(f"classes:{to}", request.course.slug, *arguments)
