"""The fixtures of `tests.servers` give what they promise."""

import asyncpg
import redis
from sqlalchemy import URL

from app.settings import Settings

_MADE: list[str] = []


async def _value(uri: str, query: str) -> object:
    connection = await asyncpg.connect(uri)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_test_gets_a_database_with_all_tables_and_no_rows(database_url: URL, libpq_uri: str) -> None:
    assert await _value(libpq_uri, "SELECT count(*) FROM runs") == 0
    assert await _value(libpq_uri, "SELECT current_database()") == database_url.database
    await _value(libpq_uri, "INSERT INTO venues (name) VALUES ('here')")
    _MADE.append(str(database_url.database))


async def test_the_next_test_sees_nothing_of_it(libpq_uri: str) -> None:
    assert await _value(libpq_uri, "SELECT count(*) FROM venues") == 0
    names = await _value(libpq_uri, "SELECT array_agg(datname::text) FROM pg_database")
    assert isinstance(names, list)
    assert not set(_MADE) & set(names)


async def test_an_empty_database_has_no_tables(empty_database_url: URL) -> None:
    uri = empty_database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    assert await _value(uri, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_the_queue_is_empty_and_asks_for_its_password(redis_url: str, app_settings: Settings) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")
    with redis.Redis(port=app_settings.redis_port) as stranger:
        try:
            stranger.ping()
        except redis.AuthenticationError:
            return
    raise AssertionError("a client without the password was served")


def test_the_queue_is_emptied_for_every_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
