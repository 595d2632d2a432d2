"""The pretend LMS as an ASGI application.

    application = DemoLms(Lms("http://localhost:8000/demo-lms", state_file=path))

It fetches keys from tools that may live in the same process, so what it does happens on threads of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from lti.demo_lms import grade_pages, launching, pages, registration, services, tokens, tool_pages
from lti.demo_lms.access import SignInFirst
from lti.demo_lms.html import page, safety_headers
from lti.demo_lms.lms import Lms
from lti.demo_lms.web import Refused, Request, Response, as_json, redirect

Handler = Callable[[Lms, Request], Response]
MAX_BODY_BYTES = 4 * 1024 * 1024
THREADS = 16
STATIC = {"lms.css": "text/css; charset=utf-8", "lms.js": "text/javascript; charset=utf-8"}


def keys(lms: Lms, request: Request) -> Response:
    """The keys it signs with."""
    return as_json(lms.keys.key_set(names_algorithm=lms.quirks.names_key_algorithm))


def static(lms: Lms, request: Request) -> Response:
    """The style and the script of its pages."""
    name = request.path.rpartition("/")[2]
    return Response((Path(__file__).parent / "static" / name).read_bytes(), content_type=STATIC[name])


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/"): pages.home,
    ("GET", "/my/"): pages.home,
    ("GET", "/enter"): pages.enter,
    ("GET", "/login/index.php"): pages.sign_in,
    ("POST", "/login/index.php"): pages.sign_in,
    ("POST", "/login/logout.php"): pages.sign_out,
    ("GET", "/course/view.php"): pages.course,
    ("GET", "/course/modedit.php"): pages.add_activity,
    ("POST", "/backup/copy.php"): pages.copy_course,
    ("POST", "/enrol/editenrolment.php"): pages.suspend,
    ("GET", "/grade/report/grader/index.php"): grade_pages.gradebook,
    ("POST", "/grade/edit/tree/grade.php"): grade_pages.override,
    ("POST", "/grade/edit/tree/lock.php"): grade_pages.lock,
    ("GET", "/mod/lti/view.php"): pages.show_activity,
    ("GET", "/mod/lti/launch.php"): pages.launch,
    ("GET", "/mod/lti/return.php"): pages.came_back,
    ("GET", "/mod/lti/contentitem.php"): pages.pick,
    ("POST", "/mod/lti/contentitem_return.php"): pages.picked,
    ("GET", "/mod/lti/toolconfigure.php"): tool_pages.tools,
    ("POST", "/mod/lti/typessettings.php"): tool_pages.register_by_hand,
    ("POST", "/mod/lti/activate.php"): tool_pages.activate,
    ("POST", "/mod/lti/delete.php"): tool_pages.delete,
    ("GET", "/mod/lti/startltiadvregistration.php"): tool_pages.start_registration,
    ("GET", "/mod/lti/openid-configuration.php"): registration.configuration,
    ("GET", "/mod/lti/openid-registration.php"): registration.register,
    ("POST", "/mod/lti/openid-registration.php"): registration.register,
    ("GET", "/mod/lti/auth.php"): launching.authorize,
    ("POST", "/mod/lti/auth.php"): launching.authorize,
    ("POST", "/mod/lti/token.php"): tokens.give_token,
    ("GET", "/mod/lti/certs.php"): keys,
    **{("GET", f"/static/{name}"): static for name in STATIC},
}
FETCHING = {tokens.give_token, pages.picked}
"""These wait for the tool, and take the lock by themselves."""


class DemoLms:
    """Serves one LMS."""

    def __init__(self, lms: Lms) -> None:
        self.lms = lms
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="demo-lms")

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request; nothing but HTTP is spoken here."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            request = await self._read(scope, receive)
            answer = Response("Too much.", 413) if request is None else await self.respond(request)
            headers = answer.encoded_headers()
            await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
            await send({"type": "http.response.body", "body": answer.encoded(), "more_body": False})

    async def respond(self, request: Request) -> Response:
        """The answer to one request."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.answer, request)

    def answer(self, request: Request) -> Response:
        """The answer to one request, on the thread that waits for it."""
        try:
            found = self._answer(request)
        except SignInFirst as nobody:
            found = redirect(str(nobody))
        except Refused as refused:
            session = self.lms.session_of(request)
            found = Response(page(self.lms, session, refused.sentence, ""), refused.status)
        if found.content_type.startswith("text/html"):
            found.headers += safety_headers(self.lms)
        found.headers.append(("x-content-type-options", "nosniff"))
        return found

    def _answer(self, request: Request) -> Response:
        handler = ROUTES.get((request.method, request.path))
        if handler is None and request.path.startswith("/mod/lti/services.php/"):
            handler = services.serve
        if handler is None:
            is_known = any(path == request.path for _, path in ROUTES)
            raise Refused(405 if is_known else 404, "There is nothing here.")
        if handler in FETCHING:
            answer = handler(self.lms, request)
        else:
            with self.lms.lock:
                answer = handler(self.lms, request)
        with self.lms.lock:
            self.lms.save()
        return answer

    async def _read(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Request | None:
        """The whole request, or None when it is too large."""
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                break
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                return None
            if not message.get("more_body", False):
                break
        return Request(
            method=scope["method"],
            path=scope["path"].removeprefix(self.lms.prefix) or "/",
            query_string=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )


async def _live(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
