"""What is remembered of images, beside that their builder has them."""

from __future__ import annotations

from django.db import models


class ImageRecord(models.Model):
    """When an image was last used, and how large it is where servers are started.

    It outlives the servers that used the image, and is forgotten some time after the image.
    """

    image_key = models.CharField(max_length=64, primary_key=True)
    used_at = models.DateTimeField(null=True, blank=True)
    """When a server last began or ended to use it; None for never."""
    made_at = models.DateTimeField(null=True, blank=True)
    own_bytes = models.BigIntegerField(null=True, blank=True)
    shared_bytes = models.BigIntegerField(null=True, blank=True)
    """As last measured; None where there is no such image, or none was measured yet."""

    def __str__(self) -> str:
        return self.image_key
