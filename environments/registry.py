"""The registry finished images are kept in, if the installation has one: what it holds, and fetching from it.

Speaks the distribution protocol for questions and leaves moving layers to the engine. The registry's password
is in no argument, log or label: it travels in headers, and in a file only `docker push` is told of.
"""

from __future__ import annotations

import logging
import re
import time
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from docker.errors import APIError

from environments.engine import client, engine_errors
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.naming import image_name
from environments.values import Image

logger = logging.getLogger(__name__)

TRIES = 3
_PAUSE_SECONDS = 0.3
_TIMEOUT_SECONDS = 10.0
_MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_REFUSED = re.compile(
    r"unauthorized|authentication required|access denied|denied:|access to the resource is denied|no basic auth"
    r"|incorrect username or password|status(?: code)?:? (?:401|403)",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"manifest unknown|not found|name unknown", re.IGNORECASE)
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Registry:
    """One registry, and who we are there."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """What the names of its images begin with."""
        return urlsplit(self.url).netloc

    def has(self, location: str) -> bool:
        """Whether it holds the image of this name. Raises `registry_unreachable` or `registry_refused`."""
        return self._digest(location) != ""

    def remove(self, location: str) -> None:
        """Take the image out, if it is there; a registry that removes nothing keeps it, with a word in our log."""
        if digest := self._digest(location):
            name, _tag = self._path(location)
            answer = self._ask("DELETE", f"/v2/{name}/manifests/{digest}")
            if answer.status_code not in (202, 404):
                logger.warning("%s keeps %s: HTTP status %d", self.host, location, answer.status_code)

    def docker_configuration(self) -> dict[str, object]:
        """What `docker push` wants in its `config.json`."""
        if not self.username:
            return {}
        return {"auths": {self.host: {"auth": self._encoded()}}}

    def error(self, text: str) -> EnvironmentsError:
        """Why the engine could not move an image to or from here, by what it says."""
        if _FULL.search(text):
            return SystemFailure("disk_full", detail=text)
        code = "registry_refused" if _REFUSED.search(text) else "registry_unreachable"
        return SystemFailure(code, host=self.host, detail=text)

    def _digest(self, location: str) -> str:
        """What the name stands for there; empty if nothing."""
        name, tag = self._path(location)
        answer = self._ask("HEAD", f"/v2/{name}/manifests/{tag}")
        if answer.status_code == 200:
            return str(answer.headers.get("docker-content-digest", tag))
        if answer.status_code == 404:
            return ""
        raise SystemFailure("registry_unreachable", host=self.host, detail=f"HTTP status {answer.status_code}")

    def _path(self, location: str) -> tuple[str, str]:
        """Repository and tag, as its addresses spell them."""
        name, _colon, tag = location.removeprefix(f"{self.host}/").rpartition(":")
        return name, tag

    def _ask(self, method: str, path: str) -> httpx.Response:
        """The answer to one question, asked again while there is none worth having."""
        problem = ""
        for attempt in range(TRIES):
            time.sleep(_PAUSE_SECONDS * attempt)
            try:
                answer = self._answer(method, f"{self.url}{path}")
            except httpx.HTTPError as error:
                problem = repr(error)
                continue
            if answer.status_code in (401, 403):
                raise SystemFailure("registry_refused", host=self.host, detail=f"HTTP status {answer.status_code}")
            if answer.status_code < 500 and answer.status_code != 429:
                return answer
            problem = f"HTTP status {answer.status_code}"
        raise SystemFailure("registry_unreachable", host=self.host, detail=problem)

    def _answer(self, method: str, url: str) -> httpx.Response:
        headers = {"Accept": _MANIFESTS}
        with httpx.Client(timeout=_TIMEOUT_SECONDS) as http:
            answer = http.request(method, url, headers=headers)
            if answer.status_code != 401:
                return answer
            authorization = self._authorization(http, answer.headers.get("www-authenticate", ""))
            return http.request(method, url, headers={**headers, "Authorization": authorization})

    def _authorization(self, http: httpx.Client, challenge: str) -> str:
        """What the registry wants to see, which it says in its refusal: our password, or a token in its stead."""
        scheme, _space, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self.username:
            return f"Basic {self._encoded()}"
        parameters = dict(_PARAMETER.findall(rest))
        realm = parameters.get("realm", "")
        if scheme.lower() != "bearer" or not self._may_show_password_to(realm):
            raise SystemFailure("registry_refused", host=self.host, detail=f"it wants {challenge!r}")
        query = {name: parameters[name] for name in ("service", "scope") if name in parameters}
        headers = {"Authorization": f"Basic {self._encoded()}"} if self.username else {}
        return f"Bearer {self._token(http.get(realm, params=query, headers=headers))}"

    def _may_show_password_to(self, realm: str) -> bool:
        """Whether a token may be asked for at this address: encrypted wherever the registry itself is."""
        return urlsplit(realm).scheme in ("https", urlsplit(self.url).scheme)

    def _token(self, answer: httpx.Response) -> str:
        if answer.status_code >= 500:
            raise httpx.HTTPStatusError(f"HTTP status {answer.status_code}", request=answer.request, response=answer)
        try:
            content = answer.json() if answer.status_code == 200 else {}
        except ValueError:
            content = {}
        token = content.get("token") or content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(token, str):
            raise SystemFailure(
                "registry_refused", host=self.host, detail=f"no token: HTTP status {answer.status_code}"
            )
        return token

    def _encoded(self) -> str:
        return b64encode(f"{self.username}:{self.password}".encode()).decode()


def registry() -> Registry | None:
    """The registry of this installation, if it has one."""
    if not settings.REGISTRY_URL:
        return None
    return Registry(settings.REGISTRY_URL, settings.REGISTRY_USERNAME, settings.REGISTRY_PASSWORD)


def location_of(image_key: str) -> str:
    """The full name of the image of this key here, the registry's included."""
    known = registry()
    return image_name(image_key, prefix=f"{known.host}/{settings.IMAGE_PREFIX}" if known else settings.IMAGE_PREFIX)


def ensure_local(image: Image, *, time_limit_seconds: int) -> None:
    """Have the image on this engine, fetched from the registry if it is not there yet.

    Raises UserError `image_missing`, SystemFailure `registry_unreachable`, `registry_refused`, `disk_full`,
    `start_timeout` or `runtime_unavailable`.
    """
    with engine_errors():
        if client().images.list(name=image.location):
            return
        known = registry()
        if known is None:
            raise UserError("image_missing")
        try:
            _pull(image.location, known, time_limit_seconds)
        except APIError as error:
            raise _pull_error(str(error), known) from error


def _pull(location: str, known: Registry, time_limit_seconds: int) -> None:
    name, _colon, tag = location.rpartition(":")
    credentials = {"username": known.username, "password": known.password} if known.username else None
    deadline = time.monotonic() + time_limit_seconds
    for step in client().api.pull(name, tag=tag, stream=True, decode=True, auth_config=credentials):
        if "error" in step:
            raise _pull_error(str(step["error"]), known)
        if time.monotonic() > deadline:
            raise SystemFailure("start_timeout", seconds=time_limit_seconds, detail=f"while fetching {location}")


def _pull_error(text: str, known: Registry) -> EnvironmentsError:
    return UserError("image_missing", detail=text) if _ABSENT.search(text) else known.error(text)
