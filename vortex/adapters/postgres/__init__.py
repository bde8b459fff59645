"""PostgreSQL, the truth of our own acts: tables, migrations, the journal and the stores around it (D-2)."""
