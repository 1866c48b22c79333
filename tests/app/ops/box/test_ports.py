"""A default port moves when it is taken; a port asked for does not."""

import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from app.errors import Conflict, Unavailable
from app.ops.box import readiness, supervisor
from app.ops.box.ports import Wanted, claim, is_free
from app.ops.box.process import Process, start
from app.ops.box.service import Service


@pytest.fixture
def taken() -> Iterator[int]:
    """Yield a port that is taken as long as the test runs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_default_moves_to_the_next_that_is_free(taken: int) -> None:
    found = next(Wanted(purpose="the API", default=taken).candidates())
    assert taken < found < taken + 100
    assert is_free(found)


def test_a_taken_port_that_was_asked_for_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(Conflict, match=rf"port {taken} on 127.0.0.1, asked for as the port of the API, is taken by another program; stop that"):
        next(Wanted(purpose="the API", default=8000, asked=taken).candidates())


def test_a_free_port_that_was_asked_for_is_the_only_one(taken: int) -> None:
    free = next(Wanted(purpose="x", default=taken).candidates())
    assert list(Wanted(purpose="the API", default=8000, asked=free).candidates()) == [free]


def test_connections_of_the_past_do_not_take_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            assert client.recv(1) == b""
    assert is_free(port)


def _service(log: Path, code: str, port: int) -> Service:
    def launch() -> Process:
        with log.open("ab") as output:
            return start("server", [sys.executable, "-c", code, str(port)], environment={}, output=output)

    async def ready(process: Process, began: int) -> None:
        async def listens() -> bool:
            return not is_free(port)

        await readiness.until(listens, process=process, log=log, began=began, seconds=120)

    async def stop(process: Process) -> None:
        await process.stop()

    return Service(name="server", log=log, launch=launch, ready=ready, stop=stop)


LISTEN = "import socket, sys, time; server = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
TOO_LATE = "import sys; print('bind: Address already in use'); sys.exit(1)"


async def test_a_default_that_is_taken_between_the_look_and_the_start_moves_too(tmp_path: Path, taken: int) -> None:
    wanted = Wanted(purpose="the API", default=taken)
    first = next(wanted.candidates())

    def service(port: int) -> Service:
        return _service(tmp_path / "log", TOO_LATE if port == first else LISTEN, port)

    async with AsyncExitStack() as stack:
        assert await supervisor.run_on_a_port(stack, wanted, service) > first


async def test_the_port_of_another_box_whose_server_is_being_started_again_is_left_alone(tmp_path: Path, taken: int) -> None:
    wanted = Wanted(purpose="the API", default=taken)
    first = next(wanted.candidates())
    async with AsyncExitStack() as stack:
        with claim(first):
            assert await supervisor.run_on_a_port(stack, wanted, partial(_service, tmp_path / "log", LISTEN)) > first


def test_a_port_is_claimed_by_one_at_a_time() -> None:
    with claim(18_950) as first, claim(18_950) as second, claim(18_951) as another:
        assert (first, second, another) == (True, False, True)
    with claim(18_950) as again:
        assert again


async def test_a_port_asked_for_that_is_taken_between_the_look_and_the_start_is_named(tmp_path: Path, taken: int) -> None:
    free = next(Wanted(purpose="x", default=taken).candidates())
    wanted = Wanted(purpose="the API", default=8000, asked=free)
    async with AsyncExitStack() as stack:
        with pytest.raises(Conflict, match=f"port {free} on 127.0.0.1"):
            await supervisor.run_on_a_port(stack, wanted, partial(_service, tmp_path / "log", TOO_LATE))


async def test_another_fault_of_the_server_is_no_reason_to_try_other_ports(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(Unavailable, match=r"(?s)server ended before it was ready.*out of cheese"):
            await supervisor.run_on_a_port(
                stack, Wanted(purpose="x", default=20_000), partial(_service, tmp_path / "log", "raise SystemExit('out of cheese')")
            )
    assert (tmp_path / "log").read_text() == "out of cheese\n"


def test_a_reserved_port_is_nobody_elses_until_it_is_given_up() -> None:
    wanted = Wanted(purpose="the API", default=18_650)
    with wanted.reserved() as first, wanted.reserved() as second:
        ports = [one.getsockname()[1] for one in (first, second)]
        assert ports[0] < ports[1]
        assert not any(map(is_free, ports))
    assert all(map(is_free, ports))


def test_a_port_that_was_asked_for_and_is_taken_cannot_be_reserved() -> None:
    with Wanted(purpose="the API", default=18_750).reserved() as holder, pytest.raises(Conflict, match="taken by another program"):
        Wanted(purpose="the API", default=8000, asked=holder.getsockname()[1]).reserved()
