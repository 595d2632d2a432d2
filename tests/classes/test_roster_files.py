"""Lists of people as they come: from spreadsheets, from Moodle, and from those who mean harm."""

from __future__ import annotations

import codecs
import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classes.errors import CourseError
from classes.roster_files import MAX_BYTES, MAX_LINES, RosterLine, clean, decode, read_roster

LIST = "Prénom;Nom de famille;Adresse de courriel;Groupes\nÉlodie;Dupré;elodie@example.org;TD 1\n"
ELODIE = RosterLine(2, email="elodie@example.org", name="Élodie Dupré", section="TD 1")


@pytest.mark.parametrize(
    "data",
    [
        LIST.encode(),
        codecs.BOM_UTF8 + LIST.encode(),
        LIST.encode("utf-16"),
        codecs.BOM_UTF16_BE + LIST.encode("utf-16-be"),
        LIST.encode("utf-16-le"),
        LIST.encode("utf-16-be"),
        LIST.encode("utf-32"),
        LIST.encode("cp1252"),
        LIST.encode("latin-1"),
        LIST.replace("\n", "\r\n").encode(),
        LIST.replace("\n", "\r").encode(),
        LIST.replace(";", ",").encode(),
        LIST.replace(";", "\t").encode(),
    ],
)
def test_read_understands_what_spreadsheets_write(data: bytes) -> None:
    assert read_roster(data) == [ELODIE]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("username,name,section,role", RosterLine(2, username="a", name="b", section="c", role="teacher")),
        ("USERNAME,Full Name,Group,ROLE", RosterLine(2, username="a", name="b", section="c", role="teacher")),
        (
            "Nom d'utilisateur,Nom complet,Groupe,Rôle",
            RosterLine(2, username="a", name="b", section="c", role="teacher"),
        ),
        ("identifiant,prénom,nom,rôle", RosterLine(2, username="a", name="b c", role="teacher")),
        ("username,firstname,lastname,role1", RosterLine(2, username="a", name="b c", role="teacher")),
        ("E-mail,ID number,Institution,Roles", RosterLine(2, email="a", role="teacher")),
    ],
)
def test_read_knows_columns_by_their_names(header: str, line: RosterLine) -> None:
    assert read_roster(f"{header}\na,b,c,enseignant\n".encode()) == [line]


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("Student", "student"),
        ("étudiante", "student"),
        ("Non-editing teacher", "grader"),
        ("Chargée de TD", "grader"),
        ("INSTRUCTOR", "teacher"),
        ("", ""),
        ("-", ""),
    ],
)
def test_read_knows_roles_by_their_words(word: str, role: str) -> None:
    assert read_roster(f"username,role\nada,{word}\n".encode()) == [RosterLine(2, username="ada", role=role)]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ("ada,,,king", "role_unknown"),
        (",Ada,,", "nobody"),
        ("ada,Ada,@SUM(1),", "formula"),
        ("ada,Ada,+1,", "formula"),
        (f"{'x' * 151},Ada,,", "too_long"),
        (f"ada,Ada,{'x' * 61},", "too_long"),
        (f"ada,{'x' * 100_000},,", "too_long"),
    ],
)
def test_read_says_what_is_wrong_in_a_line_and_reads_on(cells: str, fault: str) -> None:
    lines = read_roster(f"username,name,section,role\n{cells}\nbob,,,\n".encode())

    assert [line.fault for line in lines] == [fault, ""]
    assert max(len(lines[0].username), len(lines[0].name), len(lines[0].section)) <= 254


def test_read_counts_lines_as_an_editor_does() -> None:
    text = 'sep=;\nusername;name\n\nada;"Ada\nLovelace"\n\nbob;Bob\n'

    lines = read_roster(text.encode())

    assert [(line.number, line.name) for line in lines] == [(4, "Ada Lovelace"), (7, "Bob")]


def test_read_takes_a_bare_list_of_addresses() -> None:
    lines = read_roster(b"ada@example.org\nbob@example.org\n")

    assert [(line.number, line.email) for line in lines] == [(1, "ada@example.org"), (2, "bob@example.org")]


def test_read_takes_the_first_of_several_groups() -> None:
    assert read_roster(b'email,groups\na@b.org,"One, Two"\n')[0].section == "One"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "roster_empty"),
        (b" \n\n", "roster_empty"),
        (b"username,email\n", "roster_empty"),
        (codecs.BOM_UTF8, "roster_empty"),
        (b"x" * (MAX_BYTES + 1), "roster_too_large"),
        (b"username\n" + b"a\n" * (MAX_LINES + 1), "roster_too_long"),
        (b"PK\x03\x04 and the rest", "roster_is_spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "roster_is_spreadsheet"),
        (b"username\nada\x00\n", "roster_not_text"),
        (b"username\n\x81\x8d\n", "roster_not_text"),
        (b"\x89PNG\r\n\x1a\n", "roster_not_text"),
        (codecs.BOM_UTF16_LE + b"odd", "roster_not_text"),
        (codecs.BOM_UTF8 + b"\xff", "roster_not_text"),
        (b'username\n"ada\nbob\n', "roster_broken"),
        (b'username\n"ada"x\n', "roster_broken"),
        (b'username,name\nada,"' + b"x" * 200_000 + b'"\n', "roster_broken"),
        (b"ada,Ada Lovelace\nbob,Bob\n", "roster_without_header"),
        (b"name,section\nAda,1\n", "roster_without_header"),
        (b"email,E-mail\na@b.org,c@d.org\n", "roster_column_twice"),
    ],
)
def test_read_refuses_what_is_no_list(data: bytes, code: str) -> None:
    with pytest.raises(CourseError) as refused:
        read_roster(data)

    assert refused.value.code == code
    assert refused.value.explain().sentence


def test_read_names_the_line_that_is_broken() -> None:
    with pytest.raises(CourseError) as refused:
        read_roster(b'username\nada\n"bob"x\n')

    assert refused.value.facts["line"] == 3


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("  Ada \t Lovelace ", "Ada Lovelace"),
        ("Ada\u200b", "Ada"),
        ("Ada\u202egnp", "Adagnp"),
        ("E\u0301lodie", "\u00c9lodie"),
        ("\u00a0", ""),
        ("'=1+1", "=1+1"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch"),
    ],
)
def test_clean_leaves_what_can_be_seen(cell: str, text: str) -> None:
    assert clean(cell) == text


@given(st.binary(max_size=400))
def test_read_never_fails_in_another_way(data: bytes) -> None:
    for given_bytes in (data, b"email,name,role\n" + data):
        with suppress(CourseError):
            assert all("\x00" not in line.name + line.email for line in read_roster(given_bytes))


SEEN = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30)


@given(
    st.lists(st.tuples(SEEN, SEEN, SEEN), min_size=1, max_size=8),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from([",", ";", "\t"]),
)
def test_read_finds_every_line_that_was_written(
    rows: list[tuple[str, str, str]], encoding: str, separator: str
) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=separator).writerows([("username", "name", "section"), *rows])

    lines = read_roster(file.getvalue().encode(encoding))

    assert len(lines) <= len(rows)
    dashes = {"-", "–"}
    expected = [clean(row[0]) for row in rows if any(map(clean, row))]
    assert [line.username for line in lines] == ["" if name in dashes else name for name in expected]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60))
def test_decode_gives_utf_8_back(text: str) -> None:
    assert decode(codecs.BOM_UTF8 + text.encode()) == text
