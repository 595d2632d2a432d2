"""The project: settings, URLs, processes. The top layer; nothing imports it but entry points."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
