"""The Celery application: one queue per kind of trust, and the periodic duties."""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import worker_before_create_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("carrel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def share_memory(**kwargs: Any) -> None:
    """Keep the garbage collector from touching, and so copying, what a pool process shares with its parent."""
    gc.collect()
    gc.freeze()


worker_before_create_process.connect(share_memory)
