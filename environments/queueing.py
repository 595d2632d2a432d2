"""Hands work to the workers once the transaction that asks for it is committed.

By the task's name, so that verbs need not import the tasks that call them.
"""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def enqueue(task: str, key: object) -> None:
    """Have a worker run this task for the row with this primary key: one of `environments.tasks`, or a dotted path."""
    transaction.on_commit(lambda: _send(task, str(key)))


def _send(task: str, key: str) -> None:
    try:
        current_app.send_task(task if "." in task else f"environments.tasks.{task}", args=[key])
    except OperationalError as error:
        # The row says what is wanted, and the reconciler asks again every few seconds.
        logger.warning("could not queue %s for %s: %s", task, key, error)
