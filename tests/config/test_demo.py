"""The demo: accounts, example repositories and environments, safe to load again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import Role, User
from config import demo, demo_lms
from environments.catalog import find
from environments.models import Build, Environment, EnvironmentTag, Outcome
from environments.references.example import Example

EXAMPLES = ("dashboard", "first-steps", "numerical-methods", "statistics", "statistics-course")


@pytest.fixture(autouse=True)
def data_directory(settings: Settings, tmp_path: Path) -> Path:
    """A data directory of its own for each test."""
    settings.CARREL_DATA = tmp_path
    return tmp_path


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the examples, to be changed."""
    copy = tmp_path / "sources"
    shutil.copytree(demo.EXAMPLES, copy)
    monkeypatch.setattr(demo, "EXAMPLES", copy)
    return copy


def commits(repository: Path) -> list[str]:
    """The commits of a repository, newest first."""
    done = subprocess.run(
        ["git", "--git-dir", str(repository), "log", "--format=%H"],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.split()


@pytest.mark.django_db
class TestAccounts:
    """The people of the demo."""

    def test_makes_people_of_each_role_to_sign_in_as(self) -> None:
        demo.load()

        accounts = User.objects.filter(username__in=[account.username for account in demo.accounts()])
        assert set(accounts.values_list("username", "role")) == {
            ("admin", Role.ADMINISTRATOR),
            ("teacher", Role.TEACHER),
            ("grader", Role.MEMBER),
            ("student", Role.MEMBER),
        }

    def test_gives_passwords_that_work(self) -> None:
        demo.load()

        accounts = demo.accounts()

        assert len(accounts) == 4
        assert all(User.objects.get(username=a.username).check_password(a.password) for a in accounts)

    def test_keeps_the_passwords_from_other_users(self, data_directory: Path) -> None:
        demo.load()

        assert (data_directory / "demo-accounts.txt").stat().st_mode & 0o777 == 0o600

    def test_changes_nobody_when_loaded_again(self) -> None:
        demo.load()
        before, people = demo.accounts(), set(User.objects.values_list("pk", "password"))

        demo.load()

        assert demo.accounts() == before
        assert set(User.objects.values_list("pk", "password")) == people

    def test_leaves_a_person_of_the_same_name_alone(self) -> None:
        User.objects.create_user("teacher", password="their own")

        demo.load()

        assert User.objects.get(username="teacher").check_password("their own")
        assert {account.username for account in demo.accounts()} == {"admin", "grader", "student"}

    def test_makes_a_person_anew_who_was_deleted(self) -> None:
        demo.load()
        User.objects.get(username="admin").delete()

        demo.load()

        account = next(account for account in demo.accounts() if account.username == "admin")
        assert User.objects.get(username="admin").check_password(account.password)


@pytest.mark.django_db
def test_makes_the_pretend_platform_where_one_is_offered(settings: Settings) -> None:
    settings.DEMO_LMS_URL = "http://localhost:8000/demo-lms"

    demo.load()

    assert demo_lms.is_there()


def test_makes_passwords_that_can_be_typed() -> None:
    passwords = {demo.new_password() for _ in range(50)}

    assert len(passwords) == 50
    assert all(re.fullmatch(r"[a-hj-km-np-z2-9]{4}(-[a-hj-km-np-z2-9]{4}){2}", password) for password in passwords)


class TestExamples:
    """The repositories."""

    def test_makes_a_repository_of_each(self, data_directory: Path) -> None:
        demo.publish_examples()

        assert {path.name for path in (data_directory / "examples").iterdir()} == {f"{name}.git" for name in EXAMPLES}

    def test_makes_the_same_commit_everywhere(
        self, settings: Settings, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        made = []
        for _ in range(2):
            settings.CARREL_DATA = tmp_path_factory.mktemp("machine")
            demo.publish_examples()
            made.append([commits(settings.CARREL_DATA / "examples" / f"{name}.git") for name in EXAMPLES])

        assert made[0] == made[1]
        assert all(len(history) == 1 for history in made[0])

    def test_adds_nothing_when_nothing_changed(self, data_directory: Path) -> None:
        demo.publish_examples()
        demo.publish_examples()

        assert len(commits(data_directory / "examples" / "statistics.git")) == 1

    def test_adds_a_commit_when_the_content_changed(self, data_directory: Path, sources: Path) -> None:
        demo.publish_examples()
        first = commits(data_directory / "examples" / "statistics.git")
        (sources / "statistics" / "more.txt").write_text("more")

        demo.publish_examples()

        history = commits(data_directory / "examples" / "statistics.git")
        assert history[1:] == first
        assert len(commits(data_directory / "examples" / "first-steps.git")) == 1

    def test_says_why_without_git(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(demo.ExamplesUnavailable, match="git"):
            demo.publish_examples()

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_can_be_referred_to(self, data_directory: Path, name: str) -> None:
        demo.publish_examples()
        example = Example()

        resolved = example.resolve(example.parse(name))

        assert resolved.commit == commits(data_directory / "examples" / f"{name}.git")[0]

    @pytest.mark.parametrize("name", sorted({*EXAMPLES} - {*demo.OPENS}))
    def test_holds_clean_notebooks(self, name: str) -> None:
        notebooks = [json.loads(path.read_text()) for path in (demo.EXAMPLES / name).glob("*.ipynb")]

        cells = [cell for notebook in notebooks for cell in notebook["cells"]]
        assert cells
        assert {(notebook["nbformat"], notebook["nbformat_minor"]) for notebook in notebooks} == {(4, 5)}
        assert all(cell["id"] for cell in cells)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_pins_what_it_needs(self, name: str) -> None:
        lines = (demo.EXAMPLES / name / "requirements.txt").read_text().splitlines()

        assert lines
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)


@pytest.mark.django_db
class TestEnvironments:
    """The catalog."""

    def test_lists_each_example_for_everyone(self, student: User) -> None:
        demo.load()

        visible = Environment.objects.visible_to(student)

        assert sorted(environment.repository for environment in visible) == list(EXAMPLES)
        assert {environment.provider for environment in visible} == {"example"}

    def test_opens_a_notebook_that_is_there(self) -> None:
        demo.load()

        for environment in Environment.objects.exclude(repository__in=demo.OPENS).filter(course=None):
            path = environment.urlpath.removeprefix("lab/tree/")
            assert (demo.EXAMPLES / environment.repository / path).is_file()

    def test_lists_nothing_twice(self) -> None:
        demo.load()
        demo.load()

        assert Environment.objects.filter(course=None).count() == len(EXAMPLES)
        assert EnvironmentTag.objects.count() == sum(map(len, demo.TAGS.values()))

    def test_is_found_by_words_and_tags(self, student: User) -> None:
        demo.load()
        demo.load()

        found = find(student, text="statistics", tag="mathematics")

        assert "statistics" in {environment.repository for environment in found}

    def test_tags_every_example(self) -> None:
        assert set(demo.TAGS) == set(EXAMPLES)

    def test_leaves_preparing_to_whoever_launches_first(self) -> None:
        demo.load()

        assert not Build.objects.exists()
        assert {environment.outcome for environment in Environment.objects.all()} == {Outcome.NONE}

    def test_leaves_what_others_published_alone(self, student: User) -> None:
        mine = Environment.objects.create(owner=student, title="Mine", provider="example", repository="statistics")

        demo.load()

        mine.refresh_from_db()
        assert mine.title == "Mine"


def test_describes_an_example_by_its_readme() -> None:
    title, description = demo.describe("# First steps\n\nOne line\nand another.\n\nNot this.\n")

    assert (title, description) == ("First steps", "One line and another.")


@pytest.mark.django_db
class TestCommand:
    """`manage.py demo`."""

    def test_prints_the_accounts(self) -> None:
        output = StringIO()

        call_command("demo", stdout=output)

        assert all(account.password in output.getvalue() for account in demo.accounts())

    def test_refuses_where_strangers_sign_in(self, settings: Settings) -> None:
        settings.EMBEDDED = False

        with pytest.raises(CommandError, match="--force"):
            call_command("demo")

        assert not User.objects.exists()

    def test_obeys_force(self, settings: Settings) -> None:
        settings.EMBEDDED = False

        call_command("demo", "--force", stdout=StringIO())

        assert len(demo.accounts()) == 4
