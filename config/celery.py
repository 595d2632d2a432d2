"""The Celery application: one queue per kind of trust, and the periodic duties."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from typing import Any

from celery import Celery
from celery.signals import worker_before_create_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("carrel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def share_memory(**kwargs: Any) -> None:
    """Have pool processes share what all of them need: import it before they are forked off.

    And keep the garbage collector from touching, and so copying, what a pool process shares with its parent.
    """
    from channels.layers import get_channel_layer

    from environments import backends
    from environments.errors import SystemFailure

    with suppress(SystemFailure):  # Told to whoever needs it.
        for backend in (backends.builder, backends.spawner, backends.sandbox, backends.volume_store):
            backend()
    get_channel_layer()
    gc.collect()
    gc.freeze()


worker_before_create_process.connect(share_memory)
