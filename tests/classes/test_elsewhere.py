"""The commands that make a class's environment elsewhere: right, pinned, and quoted whatever the address is."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from classes.elsewhere import Source, System, quoted, ways
from classes.elsewhere_scripts import REFUSED, script

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = Source("https://git.example.org/ada/waves", COMMIT, "waves")
HOSTILE = [
    "https://git.example.org/ada/$(touch${IFS}pwned)",
    "https://git.example.org/ada/`touch`;reboot",
    "https://git.example.org/ada/it's&whoami|sh",
    "https://git.example.org/@url@/@folder@",
    'https://git.example.org/ada/"$env:USERNAME"',
]


class TestSource:
    """What commands are made from at all."""

    @pytest.mark.parametrize(
        "url", ["--upload-pack=sh", "/srv/repository", "example:statistics", "zenodo+https://zenodo.org/records/1", ""]
    )
    def test_refuses_what_cannot_be_cloned_elsewhere(self, url: str) -> None:
        with pytest.raises(ValueError, match="address"):
            Source(url, COMMIT, "waves")

    @pytest.mark.parametrize("url", ["https://git.example.org/a b", "https://git.example.org/a\nreboot"])
    def test_refuses_an_address_of_several_words(self, url: str) -> None:
        with pytest.raises(ValueError, match="address"):
            Source(url, COMMIT, "waves")

    @pytest.mark.parametrize("commit", ["", "main", "-f", COMMIT[:-1], COMMIT.upper(), f"{COMMIT}\n"])
    def test_refuses_what_is_no_commit(self, commit: str) -> None:
        with pytest.raises(ValueError, match="commit"):
            Source(SOURCE.url, commit, "waves")

    @pytest.mark.parametrize("folder", ["", "..", "-rf", "a/b", "a b"])
    def test_refuses_what_is_no_name_of_a_folder(self, folder: str) -> None:
        with pytest.raises(ValueError, match="folder"):
            Source(SOURCE.url, COMMIT, folder)


class TestWays:
    """The commands as text."""

    def test_are_pinned_to_the_commit(self) -> None:
        texts = [text for way in ways(SOURCE) for text in way.commands.values()]

        assert len(texts) == 5
        assert all(COMMIT in text for text in texts)

    @pytest.mark.parametrize("url", HOSTILE)
    def test_keep_a_hostile_address_one_word_of_a_shell(self, url: str) -> None:
        source = Source(url, COMMIT, "waves")

        clones = [way.commands[System.POSIX].splitlines()[0] for way in ways(source)[:2]]

        expected = ["git", "clone", "--recurse-submodules", source.address, "waves"]
        assert [shlex.split(line) for line in clones] == [expected, expected]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain", "'plain'"),
            ("it's", "'it''s'"),
            ("$(reboot) `x` ; & |", "'$(reboot) `x` ; & |'"),
            ("a\u2018b\u2019c\u201ad\u201be", "'a\u2018\u2018b\u2019\u2019c\u201a\u201ad\u201b\u201be'"),
        ],
    )
    def test_quote_for_powershell(self, text: str, expected: str) -> None:
        assert quoted(text, System.WINDOWS) == expected

    def test_leave_no_double_quote_to_windows(self) -> None:
        source = Source('https://git.example.org/"a"', COMMIT, "waves")

        assert all('"' not in way.commands[system] for way in ways(source) for system in way.commands)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine elsewhere: git that finds one repository whatever it is asked for, and a Python that only remembers."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "repository").mkdir()
    _run(["git", "init", "--quiet", "."], cwd=tmp_path / "repository")
    stub = f"""#!/bin/sh
echo "$(basename "$0") $@" >> {shlex.quote(str(tmp_path / "typed"))}
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi
if [ "$1" = env ]; then mkdir "$5"; fi
"""
    for name in ("python3", "conda"):
        (programs / name).write_text(stub)
        (programs / name).chmod(0o755)
    real = shutil.which("git")
    assert real
    (programs / "git").write_text(f"""#!/bin/sh
echo "git $@" >> {shlex.quote(str(tmp_path / "typed"))}
if [ "$1" = clone ]; then exec {real} clone --quiet {shlex.quote(str(tmp_path / "repository"))} "$4"; fi
exec {real} "$@"
""")
    (programs / "git").chmod(0o755)
    return tmp_path


def _run(command: list[str], *, cwd: Path) -> str:
    variables = {
        f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), **variables}
    return subprocess.run(
        command, cwd=cwd, env=environment, check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def commit_of(machine: Path, files: dict[str, str]) -> str:
    """Put these files into the repository; the commit."""
    for name, text in files.items():
        (machine / "repository" / name).parent.mkdir(exist_ok=True)
        (machine / "repository" / name).write_text(text)
    _run(["git", "add", "."], cwd=machine / "repository")
    _run(["git", "commit", "--quiet", "--message", "one"], cwd=machine / "repository")
    return _run(["git", "rev-parse", "HEAD"], cwd=machine / "repository")


def run_script(machine: Path, commit: str, *, url: str = SOURCE.url) -> tuple[int, str, list[str]]:
    """What the script answers, what it says, and what it had typed."""
    place = machine / "work"
    place.mkdir(exist_ok=True)
    (place / "waves.sh").write_text(script(Source(url, commit, "waves"), System.POSIX, title="Waves\nreboot"))
    environment = {"PATH": f"{machine / 'bin'}:{os.environ['PATH']}", "HOME": str(machine)}
    done = subprocess.run(
        ["sh", "waves.sh"], cwd=place, env=environment, check=False, capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stdout + done.stderr, (machine / "typed").read_text().splitlines()


class TestScript:
    """The file to run, run."""

    def test_installs_requirements_and_opens_jupyterlab(self, machine: Path) -> None:
        commit = commit_of(machine, {"requirements.txt": "numpy"})

        code, said, typed = run_script(machine, commit)

        assert code == 0, said
        assert typed[-3:] == [
            "python3 -m venv .venv",
            "python -m pip install jupyterlab -r ./requirements.txt",
            "python -m jupyter lab",
        ]
        assert _run(["git", "rev-parse", "HEAD"], cwd=machine / "work" / "waves") == commit

    def test_takes_the_binder_folder_alone_where_there_is_one(self, machine: Path) -> None:
        commit = commit_of(machine, {"requirements.txt": "numpy", "binder/requirements.txt": "scipy"})

        _code, _said, typed = run_script(machine, commit)

        assert "python -m pip install jupyterlab -r binder/requirements.txt" in typed

    def test_makes_nothing_anew_and_keeps_what_was_done(self, machine: Path) -> None:
        commit = commit_of(machine, {"requirements.txt": "numpy"})
        run_script(machine, commit)
        (machine / "work/waves/requirements.txt").write_text("mine")
        (machine / "typed").write_text("")

        _code, _said, typed = run_script(machine, commit)

        assert typed == ["python -m jupyter lab"]
        assert (machine / "work/waves/requirements.txt").read_text() == "mine"

    def test_takes_conda_for_an_environment_file(self, machine: Path) -> None:
        commit = commit_of(machine, {"environment.yml": "dependencies: []"})

        _code, _said, typed = run_script(machine, commit)

        assert typed[-1] == "conda run --prefix ./.conda --no-capture-output jupyter lab"

    @pytest.mark.parametrize("file", REFUSED)
    def test_says_what_needs_repo2docker_and_how(self, machine: Path, file: str) -> None:
        commit = commit_of(machine, {"requirements.txt": "", file: "x"})

        code, said, typed = run_script(machine, commit)

        assert code == 1
        assert f" {file}\n" in said
        assert f"jupyter-repo2docker --ref {commit} {SOURCE.url}" in said
        assert not any(line.startswith("python") for line in typed)

    @pytest.mark.parametrize("url", HOSTILE)
    def test_gives_a_hostile_address_to_git_and_to_nobody_else(self, machine: Path, url: str) -> None:
        source = Source(url, commit_of(machine, {"Dockerfile": "x"}), "waves")

        code, said, typed = run_script(machine, source.commit, url=url)

        assert code == 1
        assert typed[0] == f"git clone --recurse-submodules {source.address} waves.part"
        assert shlex.quote(source.address) in said
        assert sorted(path.name for path in (machine / "work").iterdir()) == ["waves", "waves.sh"]

    def test_for_powershell_is_marked_and_quoted_as_it_needs(self) -> None:
        source = Source("https://git.example.org/it's/$(reboot)", COMMIT, "waves")

        text = script(source, System.WINDOWS, title="Été")

        assert text.startswith("\ufeff# ")
        assert "clone --recurse-submodules 'https://git.example.org/it''s/$(reboot)' waves.part\r\n" in text
        assert "@title@" not in text
