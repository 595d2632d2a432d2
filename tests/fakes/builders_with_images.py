"""Builders that have made nothing and yet have an image in which kernels run."""

from __future__ import annotations

from environments.builders.fake import FakeBuilder
from environments.values import Image
from tests.contracts.images import built_image
from tests.engine import base_image


class BuiltBuilder(FakeBuilder):
    """Has one image, a real one."""

    def find(self, image_key: str) -> Image | None:
        return built_image()


class BaseBuilder(FakeBuilder):
    """Has the image of Docker's tests."""

    def find(self, image_key: str) -> Image | None:
        return base_image()
