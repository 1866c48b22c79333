"""ADBC transactions: each on a connection of its own, whatever became of the one before."""

import pytest

from app.db import adbc
from app.errors import Unavailable


def test_a_connection_that_was_lost_does_not_spoil_the_next(libpq_uri: str) -> None:
    with pytest.raises(Unavailable, match="PostgreSQL did not do it"), adbc.transaction(libpq_uri) as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())").fetchall()
    with adbc.transaction(libpq_uri) as one, adbc.transaction(libpq_uri) as other:
        pids = [cursor.execute("SELECT pg_backend_pid()").fetchone() for cursor in (one, other)]
        assert pids[0] != pids[1]
        # the other's rows are not seen before it commits: transactions share a database, no connection
        other.execute("INSERT INTO venues (name) VALUES ('kraken')")
        assert one.execute("SELECT count(*) FROM venues").fetchone() == (0,)
