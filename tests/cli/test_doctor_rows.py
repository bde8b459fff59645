"""What a report makes of rows: the worst verdict, no secret, and no check that can end the others."""

import json

import pytest

from cli.doctor import document, print_report
from cli.doctor_rows import HIDDEN, Report, fail, ok, percentile, skip, warn
from vortex.settings import Secrets, load

SECRETS = {
    "VORTEX_VENUE__API_KEY": "the-key-itself",
    "VORTEX_VENUE__API_SECRET": "the-secret-itself",
    "VORTEX_POSTGRES_DSN": "postgresql://me:p%40ssword@db.example/x",
    "VORTEX_REDIS_URL": "redis://:r3dispass@cache.example/0",
}
KEYS = Secrets.from_environment(SECRETS)


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([], "OK"),
        ([ok("a", "1")], "OK"),
        ([ok("a", "1"), skip("b", "no")], "WARN"),
        ([warn("a", "1", "m"), ok("b", "1")], "WARN"),
        ([fail("a", "1", "m"), warn("b", "1", "m"), skip("c", "no")], "FAIL"),
    ],
)
def test_the_whole_is_as_bad_as_its_worst_row(rows: list, verdict: str) -> None:
    """What could not be looked at counts as a warning."""
    report = Report(KEYS)
    for row in rows:
        report.add(row)
    assert report.verdict == verdict


@pytest.mark.parametrize("word", [*SECRETS.values(), "p%40ssword", "p@ssword", "r3dispass"])
def test_no_secret_gets_into_a_row(word: str) -> None:
    """Neither whole nor its password, neither in what was seen nor in the mend, nor in a failure's own words."""
    report = Report(KEYS)
    report.add(warn("a", f"refused: {word}!", f"change {word}"))

    def falls_over() -> None:
        raise ValueError(f"cannot connect with {word}")

    report.look("b", 5, falls_over)
    assert word not in json.dumps([row.document() for row in report.rows])
    assert report.rows[0].seen == f"refused: {HIDDEN}!"


def test_a_password_beside_the_address_is_a_secret_too() -> None:
    """Drivers also take it as a keyword."""
    report = Report(Secrets.from_environment({"VORTEX_POSTGRES_DSN": "host=db user=me password='hush-hush'"}))
    assert "hush" not in report.add(ok("a", "no entry for hush-hush")).seen


def test_a_check_that_falls_over_is_a_failure_and_the_next_one_runs() -> None:
    """With what it said."""
    report = Report(KEYS)
    report.look("a", 5, lambda: ok("a", str(1 // 0)))
    report.look("b", 5, lambda: ok("b", "fine"))
    assert [(row.name, row.verdict) for row in report.rows] == [("a", "FAIL"), ("b", "OK")]
    assert "ZeroDivisionError" in report.rows[0].seen


def test_the_document_has_the_promised_keys() -> None:
    """Names are contracts; `ms` is there only where time was asked."""
    report = Report(KEYS)
    report.add(ok("a", "1 ms", 1.23456))
    report.add(fail("b", "2", "mend it"))
    assert document(load({}), report) == {
        "venue": "sim",
        "checks": [
            {"name": "a", "verdict": "OK", "seen": "1 ms", "mend": "", "ms": 1.235},
            {"name": "b", "verdict": "FAIL", "seen": "2", "mend": "mend it"},
        ],
        "verdict": "FAIL",
    }


def test_a_person_reads_the_mend_of_what_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    """And of nothing else; brackets in a message are no markup."""
    report = Report(KEYS)
    report.add(ok("first", "[bold] value"))
    report.add(warn("second", "bad", "do this"))
    print_report(load({}), report)
    said = capsys.readouterr().out
    assert "[bold] value" in said
    assert "→ do this" in said
    assert said.count("→") == 1
    assert "venue sim: WARN (1 OK, 1 WARN, 0 FAIL, 0 SKIP)" in said


def test_percentiles_are_measured_values() -> None:
    """Nearest rank."""
    assert (percentile([3.0, 1.0, 2.0], 0.5), percentile([3.0, 1.0, 2.0], 0.99), percentile([7.0], 0.5)) == (2, 3, 7)
