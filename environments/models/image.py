"""What is remembered of images, beside that their builder has them."""

from __future__ import annotations

from django.db import models


class ImageRecord(models.Model):
    """When an image was last used. It outlives the servers that used it, and is forgotten after the image."""

    image_key = models.CharField(max_length=64, primary_key=True)
    used_at = models.DateTimeField(null=True, blank=True)
    """When a server last began or ended to use it; None for never."""

    def __str__(self) -> str:
        return self.image_key
