"""The ASGI entrance: pages, the site's sockets, and the gateway, told apart by scope type and Host."""

# ruff: noqa: E402 - models can be imported only once the app registry is filled.

from __future__ import annotations

import gc
import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.urls import get_resolver, re_path

from classes.consumers import websocket_urlpatterns as sockets_of_classes
from config.demo_lms_site import DemoLmsSite
from environments.binder import http_urlpatterns
from environments.consumers import websocket_urlpatterns
from environments.gateway.app import Gateway, subdomain_of


def site_origins() -> list[str]:
    """The origins whose pages may open sockets of the site itself; no notebook's is among them."""
    origins = [settings.PUBLIC_URL]
    if settings.EMBEDDED:
        origins.append(f"http://127.0.0.1:{settings.PORT}")
    return origins


async def refuse_socket(scope: Any, receive: Any, send: Any) -> None:
    """There is no such socket."""
    await receive()
    await send({"type": "websocket.close"})


site = ProtocolTypeRouter(
    {
        "http": URLRouter([*http_urlpatterns, re_path("", cast("Any", pages))]),
        "websocket": OriginValidator(
            AuthMiddlewareStack(
                URLRouter([*websocket_urlpatterns, *sockets_of_classes, re_path("", cast("Any", refuse_socket))])
            ),
            site_origins(),
        ),
    }
)

gateway = Gateway()
demo_lms = DemoLmsSite()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Send notebook origins to the gateway and everything else to the site, which refuses hosts it does not know."""
    if scope["type"] == "lifespan" or subdomain_of(_host(scope)) is not None:
        await gateway(scope, receive, send)
    elif demo_lms.takes(scope):
        await demo_lms(scope, receive, send)
    else:
        await site(scope, receive, send)


def _host(scope: Any) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


def leave_out_of_garbage_collection() -> None:
    """All that pages consist of stays; looking through it again held up every other large page for 0.1 s."""
    get_resolver().url_patterns  # noqa: B018 - imports every view, which the first request would do otherwise
    gc.collect()
    gc.freeze()


leave_out_of_garbage_collection()
