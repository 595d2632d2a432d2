"""Hears which servers changed, so that the gateway looks up at once where they are now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from environments.live import GATEWAYS

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


async def hear_changes(forget: Callable[[str], None], *, retry_seconds: float = RETRY_SECONDS) -> None:
    """Call `forget` with the subdomain of every server that is announced to have changed, until cancelled.

    A notice that is missed does no harm: what the gateway knows grows old within seconds. But a server that is
    stopped and started again is somewhere else, and whoever comes in those seconds would be led to where it was.
    """
    layer = get_channel_layer()
    while layer is not None:
        try:
            channel = await layer.new_channel()
            await layer.group_add(GATEWAYS, channel)
            while True:
                forget((await layer.receive(channel))["subdomain"])
        except (RedisError, OSError) as error:
            logger.warning("the gateway hears of no changes: %s", error)
            await asyncio.sleep(retry_seconds)
