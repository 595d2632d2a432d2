"""How a person's credential is shown to the git host it is for, and to no other. Pure."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

from environments.references.addresses import read_url
from environments.values import Credential


def origin_of(url: str) -> str:
    """`https://host[:port]`, the one spelling of where a URL leads. Raises what `read_url` raises."""
    parts = read_url(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_for(url: str, credential: Credential | None) -> bool:
    """Whether the credential may be shown at this URL: it has one origin, scheme and port included."""
    return credential is not None and origin_of(url) == origin_of(credential.origin)


def headers_for(url: str, credential: Credential | None) -> dict[str, str]:
    """The header that lets us in at this URL; none when the credential is for another host."""
    if credential is None or not is_for(url, credential):
        return {}
    return {"Authorization": f"Basic {_encoded(credential)}"}


def git_variables(credential: Credential | None) -> dict[str, str]:
    """What to add to git's environment so that it shows the credential to its host, whatever else it asks."""
    if credential is None:
        return {}
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{origin_of(credential.origin)}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {_encoded(credential)}",
    }


def spellings_of(credential: Credential | None) -> tuple[str, ...]:
    """Every way in which the credential's secret could get into a text, to be taken out of it again."""
    if credential is None:
        return ()
    texts = (credential.password.encode(), _pair(credential))
    encoded = [code(text).decode().rstrip("=") for text in texts for code in (b64encode, urlsafe_b64encode)]
    return tuple(dict.fromkeys([credential.password, quote(credential.password, safe=""), *encoded]))


def _encoded(credential: Credential) -> str:
    return b64encode(_pair(credential)).decode()


def _pair(credential: Credential) -> bytes:
    return f"{credential.username}:{credential.password}".encode()
