"""Asking Carrel: a few addresses over HTTP, with time-outs, and every trouble told in one sentence."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TAR = "application/x-tar"
MAX_ANSWER_BYTES = 256_000_000


class Trouble(Exception):
    """What went wrong, in words for whoever reads them. `code` is Carrel's, or empty where it did not answer."""

    def __init__(self, words: str, *, code: str = "") -> None:
        super().__init__(words)
        self.code = code


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for the address it was given for and no other."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        """Never followed."""


class Client:
    """A Carrel at `url`, asked with `token`."""

    def __init__(self, url: str, token: str, *, timeout: float, transfer_timeout: float) -> None:
        if not url or not token:
            raise Trouble(
                "This server does not know which Carrel its assignments are from (CARREL_URL, CARREL_TOKEN). "
                "Start it from the page of your class, or submit on the page of the assignment."
            )
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise Trouble("CARREL_URL is no address of a web site.")
        self._base = url.rstrip("/") + "/api/v1/exchange/"
        self._token, self._timeout, self._transfer_timeout = token, timeout, transfer_timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def listing(self) -> dict[str, Any]:
        """The classes and assignments of whose token it is."""
        return self._json(self._ask("", timeout=self._timeout))

    def assignment_files(self, course: str, name: str, *, is_fresh: bool) -> bytes:
        """The files of an assignment, as a tar."""
        return self._ask(
            f"{_quoted(course)}/{_quoted(name)}/files/?fresh={str(is_fresh).lower()}", timeout=self._transfer_timeout
        )

    def submit(self, course: str, name: str, tar: bytes) -> dict[str, Any]:
        """Hand this in; gives the receipt."""
        path = f"{_quoted(course)}/{_quoted(name)}/submissions/"
        return self._json(self._ask(path, body=tar, timeout=self._transfer_timeout))

    def feedback(self, submission: str) -> bytes:
        """The pages of feedback on a submission, as a tar."""
        return self._ask(f"submissions/{_quoted(submission)}/feedback/", timeout=self._transfer_timeout)

    def _ask(self, path: str, *, timeout: float, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self._base + path, data=body)  # noqa: S310 - its scheme was looked at
        request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.add_header("Content-Type", TAR)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                content: bytes = answer.read(MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise _told(refusal) from None
        except TimeoutError:
            raise Trouble(_silent(is_sent=body is not None)) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise Trouble(_silent(is_sent=body is not None)) from None
            raise Trouble(f"Carrel cannot be reached ({error.reason}). Try again in a moment.") from None
        except (OSError, http.client.HTTPException) as error:
            raise Trouble(f"The connection to Carrel broke off ({error}). Try again in a moment.") from None
        if len(content) > MAX_ANSWER_BYTES:
            raise Trouble("Carrel sent more than an assignment can be.")
        return content

    @staticmethod
    def _json(content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Trouble("What answers at CARREL_URL is no Carrel, or one of another time.")
        return answer


def _told(refusal: urllib.error.HTTPError) -> Trouble:
    """Carrel's own words, where it has any."""
    try:
        answer = json.loads(refusal.read(1_000_000))
        code, words = str(answer["code"]), str(answer["message"])
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        return Trouble(f"Carrel answered with an error ({refusal.code}). Try again in a moment.")
    if code in ("not_authenticated", "scope_missing"):
        words, following = "The key of this server to Carrel is no longer good.", "Stop the server and start it anew."
    elif code == "not_found":
        words, following = "There is no such assignment for you, or not any more.", "Look at the list of assignments."
    else:
        following = str(answer.get("next_step", ""))
    return Trouble(f"{words} {following}".strip(), code=code)


def _silent(*, is_sent: bool) -> str:
    """What is known when no answer came: of what was sent, not whether it arrived."""
    if is_sent:
        return "Carrel did not answer in time. Look at the list of what you submitted before you submit again."
    return "Carrel did not answer in time. Nothing was changed here; try again."


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="")
