"""Addresses that platforms are at, as they are written: which of them may be asked at all."""

from __future__ import annotations

from urllib.parse import SplitResult

from django.conf import settings

from environments.errors import EnvironmentsError
from environments.references.addresses import host_and_port, read_url
from environments.references.guard import is_allowed


def origin(url: str) -> str | None:
    """Scheme, host and port; None for what may not be asked: it has to be https, or on a host the operator vouches for.

    Whether the host's address may be connected to is seen when that is done.
    """
    if not url.lower().startswith(("https://", "http://")):
        return None
    try:
        parts = read_url(url)
    except EnvironmentsError:
        return None
    return f"{parts.scheme}://{parts.netloc}" if is_ours(url) or is_secure(parts) else None


def is_secure(parts: SplitResult) -> bool:
    """Whether nobody in between reads or changes what is said there: by https, or by the operator's word."""
    return parts.scheme == "https" or is_allowed(*host_and_port(parts))


def is_ours(url: str) -> bool:
    """Whether it is of the pretend platform that this very site serves: on a private address, and asked all the same.

    Raises what `read_url` raises.
    """
    own, asked = settings.DEMO_LMS_URL, read_url(url).geturl()
    return bool(own) and (asked == own or asked.startswith(f"{own}/"))
