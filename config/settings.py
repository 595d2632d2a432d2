"""Every setting of Carrel, read from the environment and safe when nothing is set.

An installation is either *embedded* (one trusting person on their own machine, prepared by
`manage.py up`) or *served* (an institution's). Only an embedded one has defaults for where its data,
database and broker are; a served one must name them, and `config/checks.py` says which are missing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from celery.schedules import crontab
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from accounts.identity_providers import IdentityProvider, allauth_providers
from config.embedded import redis_socket
from config.env import BASE_DIR, DATA_DIR, env
from config.sign_in import read_identity_providers

django_stubs_ext.monkeypatch()  # Lets `ModelAdmin[Build]` and its like be written at run time too.

# --- What kind of installation -----------------------------------------------------------------------------

EMBEDDED: bool = env.bool("EMBEDDED", default=False)
DEBUG: bool = env.bool("DEBUG", default=False)
PORT: int = env.int("PORT", default=8000)
CARREL_DATA = DATA_DIR

SECRET_KEY: str = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set SECRET_KEY or SECRET_KEY_FILE to at least 50 random characters, "
        "or run `make run`, which makes an embedded installation with a key of its own."
    )
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
"""Former values of SECRET_KEY, under which something may still be signed or sealed."""

# --- Addresses ---------------------------------------------------------------------------------------------

PUBLIC_URL: str = env.str("PUBLIC_URL", default=f"http://localhost:{PORT}" if EMBEDDED else "").rstrip("/")
_public = urlsplit(PUBLIC_URL)
NOTEBOOK_DOMAIN: str = env.str("NOTEBOOK_DOMAIN", default=_public.netloc if EMBEDDED else "")
"""Each notebook server's own origin is `<server>.<NOTEBOOK_DOMAIN>`, port included."""

ALLOWED_HOSTS: list[str] = [_public.hostname or ""] + (["127.0.0.1", "[::1]"] if EMBEDDED else [])
ALLOWED_HOSTS = [host for host in ALLOWED_HOSTS if host]
HTTPS = _public.scheme == "https"
USE_X_FORWARDED_HOST = False
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^health$"]

# Cookies are secure unless this is someone's own machine, where there is no HTTPS to send them over.
_COOKIE_PREFIX = "__Host-" if not EMBEDDED or HTTPS else ""
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}carrel_session"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}carrel_csrf"
LANGUAGE_COOKIE_NAME = "carrel_language"
GATEWAY_COOKIE_NAME = f"{_COOKIE_PREFIX}carrel_pass"
LTI_COOKIE_NAME = f"{_COOKIE_PREFIX}carrel_lti"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = GATEWAY_COOKIE_SECURE = bool(_COOKIE_PREFIX)
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

# --- Applications ------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "lti.apps.LtiConfig",
    "assignments.apps.AssignmentsConfig",
    "classes.apps.ClassesConfig",
    "environments.apps.EnvironmentsConfig",
    "accounts.apps.AccountsConfig",
    "config.apps.CarrelAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "channels",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Outermost, so that refusals of those below carry their headers too.
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.IsolationMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.FragmentMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "config.context_processors.site",
                "classes.context_processors.own_courses",
                "classes.context_processors.knocks",
                "lti.context_processors.origins",
            ],
            "builtins": ["config.templatetags.carrel"],
        },
    },
]

# --- Data --------------------------------------------------------------------------------------------------

DATABASES = {
    "default": env.db_url(
        "DATABASE_URL", default=f"sqlite:///{CARREL_DATA / 'carrel.sqlite3'}" if EMBEDDED else "sqlite://:memory:"
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes write: take the write lock at the start of a transaction, and wait for it.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_redis_socket = redis_socket(CARREL_DATA)
REDIS_URL: str = env.str("REDIS_URL", default=f"unix://{_redis_socket}" if EMBEDDED else "")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "carrel",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "carrel"},
    }
}

# --- Workers -----------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "web"
CELERY_TASK_ROUTES = {
    # Looking after the catalog asks the builder what it has.
    f"environments.tasks.{task}": {"queue": "build"}
    for task in ("run_build", "rebuild_environment", "fetch_tree")
} | {
    f"assignments.tasks.{task}": {"queue": "grade"}
    for task in ("grade_next", "check_source", "carry_out_course_directory", "make_course_directory")
}
CELERY_TASK_SOFT_TIME_LIMIT = 300
CELERY_TASK_TIME_LIMIT = 330
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 4 * 3600}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(CARREL_DATA / "run" / "beat")
CELERY_BEAT_SCHEDULE = {
    "reconcile": {
        "task": "environments.tasks.reconcile",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "tend-reservations": {
        "task": "environments.tasks.tend_reservations",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 15},
    },
    "cull-idle-servers": {
        "task": "environments.tasks.cull_idle_servers",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "measure-usage": {
        "task": "environments.tasks.measure_usage",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "measure-volumes": {
        "task": "environments.tasks.measure_volumes",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "measure-images": {
        "task": "environments.tasks.measure_images",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "tend-catalog": {
        "task": "environments.tasks.tend_catalog",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "purge-deleted-courses": {"task": "classes.tasks.purge_deleted_courses", "schedule": crontab(minute=27)},
    "tend-hand-ins": {
        "task": "classes.tasks.tend_hand_ins",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "tend-exports": {
        "task": "classes.tasks.tend_exports",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "measure-progress": {
        "task": "classes.tasks.measure_progress",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 15},
    },
    "ready-for-lessons": {
        "task": "classes.tasks.ready_for_lessons",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "end-knocks": {
        "task": "classes.tasks.end_knocks",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "tend-autogradings": {
        "task": "assignments.tasks.tend_autogradings",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 15},
    },
    "tend-copies": {
        "task": "assignments.tasks.tend_copies",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "hand-in-for-those-who-forgot": {
        "task": "assignments.tasks.hand_in_for_those_who_forgot",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "renew-platform-keys": {"task": "lti.tasks.renew_keys", "schedule": crontab(hour=4, minute=41)},
    "forget-registrations": {"task": "lti.tasks.forget_registrations", "schedule": crontab(hour=4, minute=47)},
    "tend-grades": {"task": "lti.tasks.tend_grades", "schedule": timedelta(seconds=15), "options": {"expires": 15}},
    "sync-rosters": {
        "task": "lti.tasks.sync_rosters_at_night",
        "schedule": crontab(hour="1-5", minute="3-59/10"),
        "options": {"expires": 600},
    },
    "forget-rosters": {"task": "lti.tasks.forget_rosters", "schedule": crontab(minute=47)},
    "forget-logins": {"task": "lti.tasks.forget_logins", "schedule": crontab(minute=53)},
    "forget-platform-audit": {"task": "lti.tasks.forget_audit", "schedule": crontab(hour=4, minute=47)},
    "sweep-artefacts": {"task": "assignments.tasks.sweep_artefacts", "schedule": crontab(hour=4, minute=11)},
    "forget-looks": {"task": "classes.tasks.forget_looks", "schedule": crontab(hour=4, minute=29)},
    "forget-roster-drafts": {"task": "classes.tasks.forget_roster_drafts", "schedule": crontab(minute=37)},
    "look-for-material": {
        "task": "classes.tasks.look_for_material",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "forget-expired": {"task": "environments.tasks.forget_expired", "schedule": crontab(minute=17)},
    # Twice, since workers that build may have an engine of their own. Where there is one, the second has little to do.
    **{
        f"remove-unused-images-{queue}": {
            "task": "environments.tasks.remove_unused_images",
            "schedule": crontab(hour=hour, minute=43),
            "options": {"queue": queue, "expires": 12 * 3600},
        }
        for queue, hour in (("build", 2), ("web", 3))
    },
}

# --- People ------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SIGNUP_OPEN: bool = env.bool("SIGNUP_OPEN", default=False)
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {"login": "accounts.forms.SignInForm", "signup": "accounts.forms.SignUpForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNT_EMAIL_VERIFICATION", default="none" if EMBEDDED else "mandatory")
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
IDENTITY_PROVIDERS: dict[str, IdentityProvider] = read_identity_providers(env, is_embedded=EMBEDDED)
PASSWORD_SIGN_IN: bool = env.bool("PASSWORD_SIGN_IN", default=True)
"""Whether people may sign in with a password of this site; administrators always may."""
if not PASSWORD_SIGN_IN and not IDENTITY_PROVIDERS:
    raise ImproperlyConfigured(
        "PASSWORD_SIGN_IN is off and SIGN_IN_PROVIDERS is not set, so nobody could sign in. Set one of the two."
    )
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = allauth_providers(IDENTITY_PROVIDERS)
SOCIALACCOUNT_EMAIL_REQUIRED = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"  # Only addresses that the provider vouches for are taken at all.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
WELCOMES = ["classes.expected.welcome"]
"""Who wants to know that somebody signs in; see `accounts.arriving`."""
LOGIN_REDIRECT_URL = "environments:home"
LOGIN_URL = "account_login"
LOGOUT_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "environments:home"
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_PREFIX": "carrel_",
    "TOKEN_TTL": timedelta(days=90),
}
EMAIL_CONFIG = env.email_url(
    "EMAIL_URL", default=f"filemail:///{CARREL_DATA / 'mail'}" if EMBEDDED else "consolemail://"
)
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"carrel@{_public.hostname or 'localhost'}")

# --- API ---------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.ScopedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.tokens.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "config.api_schema.ScopedSchema",
    "DEFAULT_THROTTLE_CLASSES": ["environments.throttling.RequestThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "config.api_errors.api_exception_handler",
}
API_REQUESTS_PER_MINUTE: int = env.int("API_REQUESTS_PER_MINUTE", default=1200)
API_LAUNCHES_PER_MINUTE: int = env.int("API_LAUNCHES_PER_MINUTE", default=30)
"""How often one person may ask, and launch; 0 is as often as they like."""
API_ALLOWED_ORIGINS: list[str] = env.list("API_ALLOWED_ORIGINS", default=[])
"""Whose pages may launch and work in servers with a token; `*` is every page's. Cookies never count for them."""
SPECTACULAR_SETTINGS = {
    "TITLE": "Carrel",
    "DESCRIPTION": "Notebook servers from git repositories, for teaching.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "BuildState": "environments.models.Build.State",
        "RunState": "assignments.models.Autograding.State",
        "ServerState": "environments.models.NotebookServer.State",
        "SubmissionState": "assignments.models.Submission.State",
    },
}

# --- Running notebooks -------------------------------------------------------------------------------------

RUNTIME: str = env.str("RUNTIME", default="process" if EMBEDDED else "")
BUILDER: str = env.str("BUILDER", default="")
SPAWNER: str = env.str("SPAWNER", default="")
SANDBOX: str = env.str("SANDBOX", default="")
VOLUME_STORE: str = env.str("VOLUME_STORE", default="")

REPOSITORY_ALLOW_LOCAL: bool = env.bool("REPOSITORY_ALLOW_LOCAL", default=False)
REPOSITORY_ALLOWED_HOSTS: list[str] = env.list("REPOSITORY_ALLOWED_HOSTS", default=[])
"""Hosts, as `name` or `name:port`, whose private or link-local addresses are allowed all the same."""
REPOSITORY_TIMEOUT_SECONDS: int = env.int("REPOSITORY_TIMEOUT_SECONDS", default=15)
GITHUB_TOKEN: str = env.str("GITHUB_TOKEN", default="")
HUBS: list[str] = [entry.strip() for entry in env.str("HUBS", default="").split(";") if entry.strip()]
"""Other hubs that launches may be sent on to, as `environments/hubs.py` reads them."""

BUILD_TIME_LIMIT_SECONDS: int = env.int("BUILD_TIME_LIMIT_SECONDS", default=1800)
BUILD_CONCURRENCY: int = env.int("BUILD_CONCURRENCY", default=2)
START_TIME_LIMIT_SECONDS: int = env.int("START_TIME_LIMIT_SECONDS", default=60)
IMAGE_FETCH_TIME_LIMIT_SECONDS: int = env.int("IMAGE_FETCH_TIME_LIMIT_SECONDS", default=900)
"""How long an engine may take to fetch an image it lacks from the registry, before a start or a sandbox."""
START_CONCURRENCY: int = env.int("START_CONCURRENCY", default=4)
SERVER_IDLE_MINUTES: int = env.int("SERVER_IDLE_MINUTES", default=60)
SERVER_LIFETIME_MINUTES: int = env.int("SERVER_LIFETIME_MINUTES", default=0)
"""How long a server may run at most, whatever it does; 0 is for ever."""
SERVER_KEEP_HOURS: int = env.int("SERVER_KEEP_HOURS", default=24)
"""For how long at a time somebody can put off that their idle server is stopped; 0 is not at all."""
PREWARM_MINUTES: int = env.int("PREWARM_MINUTES", default=10)
"""How long before their time servers that were reserved for it begin to be started."""
DELETED_FILES_DAYS: int = env.int("DELETED_FILES_DAYS", default=7)
"""How long a deleted server can be brought back before its files are removed; 0 is not at all."""
GRADE_SINKS = ["lti.destinations.PlatformGrades"]
"""Where published grades go beside Carrel, by dotted path; see `assignments.grading.sinks`."""
GRADE_DESTINATIONS = ["lti.destinations.PlatformGrades"]
"""Who says how far grades are on their way there; see `assignments.grading.destinations`."""
PEOPLE_EXTENSIONS = ["lti.course_people.PeopleOfPlatforms"]
COPY_EXTENSIONS = ["assignments.copying.AssignmentsOfCopy"]
REMOVAL_EXTENSIONS = ["assignments.removing.AssignmentsOfRemoved"]
COURSE_EXTENSIONS = ["assignments.course_page.AssignmentsOfCourse", "lti.course_page.PlatformsOfCourse"]
SERVER_GRANTS = ["assignments.submitting.server_keys.scopes_for"]
"""What servers can do for their owners by themselves, by dotted path; see `environments.credentials.Grant`."""
DEMO_LMS: bool = env.bool("DEMO_LMS", default=EMBEDDED and _public.hostname == "localhost")
if DEMO_LMS and not EMBEDDED:
    raise ImproperlyConfigured(
        "DEMO_LMS is on, and would let people be whom they like. It is for an embedded installation only: unset it."
    )
DEMO_LMS_URL = f"{PUBLIC_URL}/demo-lms" if DEMO_LMS else ""
"""Where a pretend learning platform is to be tried out; empty where there is none."""
LTI_KEY_DAYS: int = env.int("LTI_KEY_DAYS", default=180)
"""How long a key signs towards a learning platform before another takes its place; 0 is for ever."""
LTI_LOGINS_PER_MINUTE: int = env.int("LTI_LOGINS_PER_MINUTE", default=1200)
"""How many launches may begin from one address, and three times as many of one platform; 0 is any number."""
LTI_AUDIT_DAYS: int = env.int("LTI_AUDIT_DAYS", default=365)
"""How long it is kept what was done about learning platforms; 0 is for ever."""
CLASS_ARCHIVE_MB: int = env.int("CLASS_ARCHIVE_MB", default=2000)
"""How much an archive of a class may hold, unpacked, when it is made and when it is brought."""
SUBMISSION_MB: int = env.int("SUBMISSION_MB", default=100)
"""How much somebody may submit of an assignment at once."""
MATERIAL_MAX_MB: int = env.int("MATERIAL_MAX_MB", default=500)
MATERIAL_MAX_FILES: int = env.int("MATERIAL_MAX_FILES", default=20_000)
MATERIAL_TIME_LIMIT_SECONDS: int = env.int("MATERIAL_TIME_LIMIT_SECONDS", default=600)
"""How long fetching the files of one version may take."""
PERSON_DISK_MB: int = env.int("PERSON_DISK_MB", default=0)
PERSON_SERVERS: int = env.int("PERSON_SERVERS", default=0)
PERSON_RUNNING_SERVERS: int = env.int("PERSON_RUNNING_SERVERS", default=0)
PERSON_MEMORY_MB: int = env.int("PERSON_MEMORY_MB", default=0)
PERSON_CPUS: float = env.float("PERSON_CPUS", default=0.0)
PERSON_IDLE_MINUTES: int = env.int("PERSON_IDLE_MINUTES", default=0)
PERSON_LIFETIME_MINUTES: int = env.int("PERSON_LIFETIME_MINUTES", default=0)
"""What one person may have and ask for, unless a `Quota` says otherwise; 0 is no limit."""
REPOSITORY_RUNNING_SERVERS: int = env.int("REPOSITORY_RUNNING_SERVERS", default=0)
SITE_RUNNING_SERVERS: int = env.int("SITE_RUNNING_SERVERS", default=0)
SITE_MEMORY_MB: int = env.int("SITE_MEMORY_MB", default=0)
"""How many servers may run at once, of one repository and in all; 0 is no limit."""
USAGE_KEEP_MONTHS: int = env.int("USAGE_KEEP_MONTHS", default=36)
"""How many months of accounts are kept beside the present one; 0 is all of them."""
COPIES_AT_ONCE: int = env.int("COPIES_AT_ONCE", default=20)
COPIES_PER_PERSON: int = env.int("COPIES_PER_PERSON", default=2)
COPY_LIFETIME_MINUTES: int = env.int("COPY_LIFETIME_MINUTES", default=120)
"""Copies to try: how many there may be, and of one person; how long each lasts at most."""
SERVER_MEMORY_MB: int = env.int("SERVER_MEMORY_MB", default=2048)
SERVER_CPUS: float = env.float("SERVER_CPUS", default=2.0)
SERVER_PIDS: int = env.int("SERVER_PIDS", default=512)
SERVER_DISK_MB: int = env.int("SERVER_DISK_MB", default=0)
"""What a server may use unless asked for otherwise. Disk is what lies outside its volumes; 0 is no limit."""

DOCKER_HOST: str = env.str("DOCKER_HOST", default="")
CONTAINER_RUNTIME: str = env.str("CONTAINER_RUNTIME", default="")
CARREL_CONTAINER: list[str] = env.list("CARREL_CONTAINER", default=[])
SERVER_NETWORK_POOL: str = env.str("SERVER_NETWORK_POOL", default="10.213.0.0/16")
SERVER_NETWORK_INTERNAL: bool = env.bool("SERVER_NETWORK_INTERNAL", default=False)
SERVER_ALLOWED_NETWORKS: list[str] = env.list("SERVER_ALLOWED_NETWORKS", default=[])
SERVER_DNS: list[str] = env.list("SERVER_DNS", default=[])

REPO2DOCKER_BASE_IMAGE: str = env.str("REPO2DOCKER_BASE_IMAGE", default="")
IMAGE_PREFIX: str = env.str("IMAGE_PREFIX", default="carrel/")
REGISTRY_URL: str = env.str("REGISTRY_URL", default="").rstrip("/")
REGISTRY_USERNAME: str = env.str("REGISTRY_USERNAME", default="")
REGISTRY_PASSWORD: str = env.str("REGISTRY_PASSWORD", default="")
BUILD_MEMORY_MB: int = env.int("BUILD_MEMORY_MB", default=0)
BUILD_CGROUP_PARENT: str = env.str("BUILD_CGROUP_PARENT", default="")
BUILDX_BUILDER: str = env.str("BUILDX_BUILDER", default="")
IMAGE_KEEP_DAYS: int = env.int("IMAGE_KEEP_DAYS", default=30)
IMAGE_DISK_BUDGET_GB: int = env.int("IMAGE_DISK_BUDGET_GB", default=100)
"""What images may take together; what is kept to build the next ones faster may take a quarter of it besides."""

# --- Words, times, files -----------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
STATIC_URL = "/static/"
STATIC_ROOT = CARREL_DATA / "static" if EMBEDDED else BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # What was released and submitted. All workers have to reach it.
    "artefacts": {
        "BACKEND": "assignments.artefact_storage.SharedFolder",
        "OPTIONS": {"location": CARREL_DATA / "artefacts"},
    },
    "staticfiles": {"BACKEND": "config.static_files.StaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SITE_CREDITS: str = env.str("SITE_CREDITS", default="")
"""What the institution says of itself at the foot of every page."""
_site_links = [pair.partition("=") for pair in env.list("SITE_LINKS", default=[])]
SITE_LINKS: list[tuple[str, str]] = [(words.strip(), address.strip()) for words, _, address in _site_links]
"""The links beside it: their words and their addresses."""

# --- Logs --------------------------------------------------------------------------------------------------

LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        **{
            name: {"level": LOG_LEVEL}
            for name in ("accounts", "assignments", "classes", "config", "environments", "lti", "celery.worker")
        },
        # At INFO it writes each websocket's address with its query, which may hold a token.
        "uvicorn.error": {"level": "WARNING"},
    },
}
