"""Migrations go up, down and up again, and add up to exactly the tables."""

import json

import psycopg
import pytest

from vortex.adapters.postgres import migrations
from vortex.kernel.errors import ConfigError

pytestmark = pytest.mark.db


def _objects(dsn: str) -> set[str]:
    query = """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
               AND relname <> 'alembic_version_pkc'
        UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
    """
    with psycopg.connect(dsn) as connection:
        return {row[0] for row in connection.execute(query)}


def test_up_down_up_ends_where_it_began(empty_dsn: str) -> None:
    """Nothing is left after all downgrades, and the second upgrade builds the same objects as the first."""
    migrations.upgrade(empty_dsn)
    first = _objects(empty_dsn)
    migrations.downgrade(empty_dsn, "base")
    assert _objects(empty_dsn) == set()
    migrations.upgrade(empty_dsn)
    assert _objects(empty_dsn) == first
    assert migrations.current(empty_dsn) == migrations.head()


def test_each_migration_can_be_undone_alone(empty_dsn: str) -> None:
    """Every step down and up again restores the objects of that step."""
    migrations.upgrade(empty_dsn)
    complete = _objects(empty_dsn)
    while migrations.current(empty_dsn) is not None:
        before = _objects(empty_dsn)
        migrations.downgrade(empty_dsn, "-1")
        migrations.upgrade(empty_dsn, "+1")
        assert _objects(empty_dsn) == before
        migrations.downgrade(empty_dsn, "-1")
    migrations.upgrade(empty_dsn)
    assert _objects(empty_dsn) == complete


def test_autogenerate_has_nothing_to_add(dsn: str) -> None:
    """The tables in code and the tables that migrations build are the same."""
    assert migrations.drift(dsn) == []


def test_upgrade_of_the_newest_schema_changes_nothing(dsn: str) -> None:
    """Every start may call it."""
    before = _objects(dsn)
    migrations.upgrade(dsn)
    assert _objects(dsn) == before


def test_an_unknown_revision_is_a_mistake_of_the_operator(dsn: str) -> None:
    """Not a stack trace."""
    with pytest.raises(ConfigError):
        migrations.upgrade(dsn, "no-such-revision")


def test_old_snapshots_go_by_whole_days(dsn: str) -> None:
    """Retention drops partitions that are older than the days to keep, and makes room for tomorrow."""
    with psycopg.connect(dsn, autocommit=True) as connection:

        def keep(day: str) -> int:
            row = connection.execute("SELECT market_snapshots_keep(2, %s::timestamptz)", (f"{day}T12:00Z",)).fetchone()
            assert row is not None
            return row[0]

        assert keep("2025-11-01") == 0
        connection.execute("INSERT INTO market_snapshots VALUES ('2025-11-01T23:59Z', 'BTCUSDT', 1, '{}')")
        connection.execute("INSERT INTO market_snapshots VALUES ('2025-11-02T00:01Z', 'BTCUSDT', 1, '{}')")
        assert keep("2025-11-04") == 1
        left = connection.execute("SELECT count(*) FROM market_snapshots").fetchone()
        assert left == (1,)
        assert migrations.drift(dsn) == []


def test_decisions_of_the_audit_log_are_taken_into_their_table_once(empty_dsn: str) -> None:
    """What was decided before is answered like what comes; going down and up again doubles nothing."""
    detail = {
        "symbol": "BTCUSDT",
        "action": "LONG",
        "strategy": "A",
        "confidence": 80.0,
        "final_score": 0.7,
        "engines_agree": 4,
        "reason": "because",
        "refused": "",
        "trade_no": 9,
        "signals": '[{"engine": "E1"}]',
    }
    migrations.upgrade(empty_dsn, "0009")
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        for kept in (detail, {"symbol": "BTCUSDT", "trade_no": 10, "decided_ms": 1}):
            connection.execute(
                "INSERT INTO audit_log (stream, ts, kind, who, epoch, detail)"
                " VALUES ('recorder', now(), 'decision.made', 'symbol:BTCUSDT', 3, %s)",
                (json.dumps(kept),),
            )
        for _ in range(2):
            migrations.upgrade(empty_dsn)
            rows = connection.execute(
                "SELECT symbol, trade_no, refused, signals->0->>'engine' FROM decisions"
            ).fetchall()
            assert rows == [("BTCUSDT", 9, "", "E1")]
            migrations.downgrade(empty_dsn, "0009")
