"""What a new installation is filled with: people to sign in as, environments to launch in one click, and a class."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Role, User
from config import demo_class, demo_lms, demo_work
from config.env import BASE_DIR
from environments.catalog import set_tags
from environments.models import Environment
from environments.models.environment import Visibility

EXAMPLES = BASE_DIR / "examples"
PROVIDER = "example"
GIT_TIMEOUT_SECONDS = 30
BRANCH = "refs/heads/main"
OPENS = {"dashboard": "dashboard/"}
"""What an example opens that has no notebook."""
# Fixed, so that the same examples are the same commit on every machine.
GIT_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "Carrel"),
        ("EMAIL", "examples@carrel.invalid"),
        ("DATE", "2025-01-01T00:00:00+0000"),
    )
}
PEOPLE = (
    ("admin", "Ada Admin", Role.ADMINISTRATOR),
    ("teacher", "Tom Teacher", Role.TEACHER),
    ("grader", "Greta Grader", Role.MEMBER),
    ("student", "Sam Student", Role.MEMBER),
)
TAGS = {
    "dashboard": ("Python", "application"),
    "first-steps": ("Python", "beginners"),
    "numerical-methods": ("Python", "mathematics"),
    "statistics": ("Python", "mathematics", "statistics"),
    "statistics-course": ("Python", "course", "statistics"),
}
"""What each example is found by."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the characters that are mistaken for one another; 12 of them hold 59 bits."""


class ExamplesUnavailable(Exception):
    """The example repositories could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account as it was made; its person may have changed the password since."""

    username: str
    password: str


def load() -> None:
    """Make the accounts, repositories, environments, the class and the pretend LMS that are not there. Safe to repeat.

    Raises `ExamplesUnavailable`; the accounts are made even then.
    """
    _make_accounts()
    publish_examples()
    _list_environments()
    demo_class.load_class(EXAMPLES / demo_class.REPOSITORY, now=timezone.now())
    demo_lms.make(now=timezone.now())


def load_work() -> None:
    """Give the class its assignments and what was done in them, if it never had any. It takes some seconds."""
    now = timezone.now()
    course, grader = demo_class.find_class(), demo_class.find_grader()
    if course is not None and grader is not None:
        demo_work.load_work(course, grader=grader, now=now)


def is_loaded() -> bool:
    """Whether the demo was ever loaded here."""
    return _accounts_file().is_file()


def accounts() -> list[Account]:
    """The accounts the demo made here, with the passwords it gave them."""
    if not is_loaded():
        return []
    lines = (line.split() for line in _accounts_file().read_text().splitlines() if not line.startswith("#"))
    return [Account(*words) for words in lines if len(words) == 2]


def publish_examples() -> None:
    """Make a git repository of each example, or add a commit to one whose content changed.

    Raises `ExamplesUnavailable` when git is missing or fails.
    """
    for source in _sources():
        try:
            _publish(source, settings.CARREL_DATA / "examples" / f"{source.name}.git")
        except subprocess.CalledProcessError as error:
            raise ExamplesUnavailable(_unavailable(error.stderr.strip())) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ExamplesUnavailable(_unavailable(error)) from error


def _unavailable(problem: object) -> str:
    return _("The examples could not be prepared: {problem}").format(problem=problem)


def _sources() -> list[Path]:
    return sorted(path for path in EXAMPLES.iterdir() if path.is_dir())


# --- Accounts ----------------------------------------------------------------------------------------------


def _accounts_file() -> Path:
    return Path(settings.CARREL_DATA) / "demo-accounts.txt"


@transaction.atomic
def _make_accounts() -> None:
    """Make the people who are missing. Somebody who is there keeps their password."""
    known = {account.username: account for account in accounts()}
    for username, name, role in PEOPLE:
        user, is_new = User.objects.get_or_create(
            username=username,
            defaults={"display_name": name, "role": role, "email": f"{username}@example.org"},
        )
        if is_new:
            known[username] = Account(username, new_password())
            user.set_password(known[username].password)
            user.save()
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    _write_accounts(list(known.values()))


def new_password() -> str:
    """A random password that can be read out and typed."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _letter in range(4)) for _group in range(3))


def _write_accounts(known: list[Account]) -> None:
    """Replace the file at once, so that it is never half of what it was; only its owner may read it."""
    lines = ["# Demo accounts, as they were made. Delete the people before strangers can reach this site."]
    lines += [f"{account.username} {account.password}" for account in known]
    descriptor, draft = tempfile.mkstemp(dir=_accounts_file().parent)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    Path(draft).replace(_accounts_file())


# --- Examples ----------------------------------------------------------------------------------------------


def _publish(source: Path, repository: Path) -> None:
    if not (repository / "HEAD").is_file():
        repository.mkdir(mode=0o700, parents=True, exist_ok=True)
        _git(repository, "init", "--quiet", "--bare")
        _git(repository, "symbolic-ref", "HEAD", BRANCH)
    with tempfile.TemporaryDirectory() as index:
        work = {"GIT_WORK_TREE": str(source), "GIT_INDEX_FILE": f"{index}/index"}
        _git(repository, "add", "--all", ".", ":!*.ipynb_checkpoints*", **work)
        tree = _git(repository, "write-tree", **work)
    head = _git(repository, "for-each-ref", "--format=%(objectname) %(tree)", BRANCH).split()
    if tree in head[1:]:
        return
    parents = ["-p", head[0]] if head else []
    commit = _git(repository, "commit-tree", tree, "-m", f"The example {source.name}", *parents, **GIT_IDENTITY)
    _git(repository, "update-ref", BRANCH, commit, *head[:1])


def _git(repository: Path, *arguments: str, **variables: str) -> str:
    """Run git on this repository, with nobody's configuration."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_DIR": str(repository),
        **variables,
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=variables.get("GIT_WORK_TREE", repository),
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=GIT_TIMEOUT_SECONDS,
    )
    return done.stdout.strip()


def _list_environments() -> None:
    """Put each example in the catalog, for everyone, under the name and words of its README.

    None is prepared before somebody launches it: a first start has enough to do.
    """
    owner = User.objects.filter(role=Role.ADMINISTRATOR).order_by("date_joined").first()
    for source in _sources():
        title, description = describe((source / "README.md").read_text())
        environment, _is_new = Environment.objects.update_or_create(
            owner=owner,
            provider=PROVIDER,
            repository=source.name,
            defaults={
                "title": title,
                "description": description,
                "urlpath": _opens(source),
                "visibility": Visibility.EVERYONE,
            },
        )
        set_tags(environment, TAGS.get(source.name, ()))


def _opens(source: Path) -> str:
    """Where to open an example: at its own application, or else at its first notebook."""
    return OPENS.get(source.name) or f"lab/tree/{min(path.name for path in source.glob('*.ipynb'))}"


def describe(readme: str) -> tuple[str, str]:
    """The title and the first paragraph of a README in Markdown."""
    paragraphs = [" ".join(text.split()) for text in re.split(r"\n\s*\n", readme.strip())]
    return paragraphs[0].lstrip("# "), paragraphs[1]
