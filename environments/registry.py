"""The registry finished images are kept in, if the installation has one: what it holds, and fetching from it.

Speaks the distribution protocol for questions and leaves moving layers to the engine. The registry's password
is in no argument, log or label: it travels in headers, and in a file only `docker push` is told of.
"""

from __future__ import annotations

import json
import logging
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httpx
import requests
import urllib3
from django.conf import settings
from docker.errors import APIError, ImageNotFound, create_api_error_from_http_exception

from environments.engine import TIMEOUT_SECONDS, client, engine_errors
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.naming import image_name
from environments.values import Image

logger = logging.getLogger(__name__)

TRIES = 3
_PAUSE_SECONDS = 0.3
_TIMEOUT_SECONDS = 10.0
_SILENCE_SECONDS = 120.0
"""For how long the engine may say nothing about an image it fetches. It reports every piece that arrives."""
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
_DAMAGED = re.compile(r"unknown blob|blob unknown", re.IGNORECASE)
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

    One that the registry holds only in part counts as missing, and is taken out of it. Raises UserError
    `image_missing`, SystemFailure `registry_unreachable`, `registry_refused`, `disk_full`, `image_fetch_timeout`
    or `runtime_unavailable`.
    """
    with engine_errors():
        if _is_local(image.location):
            return
        known = registry()
        if known is None:
            raise UserError("image_missing", detail=image.location)
        logger.info("fetching %s", image.location)
        _pull(image.location, known, time_limit_seconds)


def _is_local(location: str) -> bool:
    try:
        client().images.get(location)
    except ImageNotFound:
        return False
    return True


def _pull(location: str, known: Registry, time_limit_seconds: int) -> None:
    deadline = time.monotonic() + time_limit_seconds
    try:
        for step in _steps_of_pull(location, known, silence_seconds=min(_SILENCE_SECONDS, time_limit_seconds)):
            if "error" in step:
                raise _pull_error(str(step["error"]), location, known)
            if time.monotonic() > deadline:
                raise _too_late(location, time_limit_seconds)
    except APIError as error:
        raise _pull_error(str(error), location, known) from error
    except requests.RequestException as error:
        if not _is_silence(error):
            raise
        if time.monotonic() > deadline:
            raise _too_late(location, time_limit_seconds) from error
        raise SystemFailure("registry_unreachable", host=known.host, detail=f"silence while {location} came") from error


def _steps_of_pull(location: str, known: Registry, *, silence_seconds: float) -> Iterator[Mapping[str, object]]:
    """What the engine says while it fetches. Its client would wait for ever for the next word."""
    api = client().api
    name, _colon, tag = location.rpartition(":")
    credentials = {"username": known.username, "password": known.password} if known.username else {}
    with cast("requests.Session", api).post(
        f"{api.base_url}/v{api.api_version}/images/create",
        params={"fromImage": name, "tag": tag},
        headers={"X-Registry-Auth": urlsafe_b64encode(json.dumps(credentials).encode()).decode()},
        stream=True,
        timeout=(TIMEOUT_SECONDS, silence_seconds),
    ) as response:
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        for line in response.iter_lines():
            if line:
                yield json.loads(line)


def _is_silence(error: requests.RequestException) -> bool:
    """Whether nothing came for too long, either before the first word or after."""
    is_wrapped = bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ReadTimeoutError)
    return is_wrapped or isinstance(error, requests.ReadTimeout)


def _too_late(location: str, time_limit_seconds: int) -> SystemFailure:
    return SystemFailure("image_fetch_timeout", minutes=-(-time_limit_seconds // 60), detail=location)


def _pull_error(text: str, location: str, known: Registry) -> EnvironmentsError:
    if _DAMAGED.search(text):  # Nobody can fetch it as it is: taken out, it is made again.
        logger.warning("%s lacks a part of %s: %s", known.host, location, text)
        known.remove(location)
        return UserError("image_missing", detail=text)
    return UserError("image_missing", detail=text) if _ABSENT.search(text) else known.error(text)
