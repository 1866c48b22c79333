"""PostgreSQL: tables, sessions, migrations and the bulk path of bars."""
