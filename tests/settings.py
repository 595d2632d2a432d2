"""The project's settings over a throw-away data directory: what `manage.py up` would make, for tests."""

import os

from environments.scratch import scratch_of_process

_data = scratch_of_process("tests")
os.environ.update(
    EMBEDDED="true",
    CARREL_DATA=str(_data),
    SECRET_KEY="not-a-secret-only-for-tests-" + "x" * 40,
    PORT="8000",
    DEMO_LMS="false",
)

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "artefacts": STORAGES["artefacts"],  # noqa: F405
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
STATIC_ROOT.mkdir()  # noqa: F405 - WhiteNoise warns where there is none
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Nothing of a run is worth waiting for the disk.
DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;"  # noqa: F405
DATABASES["default"]["TEST"] = {"NAME": f"{_data}/test.sqlite3"}  # noqa: F405 - threads share a file, not a memory
