"""How a person's credential is shown to the git host it is for, and to no other. Pure."""

from __future__ import annotations

from base64 import b64encode

from environments.references.addresses import read_url
from environments.values import Credential


def headers_for(url: str, credential: Credential | None) -> dict[str, str]:
    """The header that lets us in at this URL; none when the credential is for another host."""
    if credential is None or _origin(url) != _origin(credential.origin):
        return {}
    return {"Authorization": _authorization(credential)}


def git_variables(credential: Credential | None) -> dict[str, str]:
    """What to add to git's environment so that it shows the credential to its host, whatever else it asks."""
    if credential is None:
        return {}
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{_origin(credential.origin)}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: {_authorization(credential)}",
    }


def _origin(url: str) -> str:
    parts = read_url(url)
    return f"{parts.scheme}://{parts.netloc}"


def _authorization(credential: Credential) -> str:
    return "Basic " + b64encode(f"{credential.username}:{credential.password}".encode()).decode()
