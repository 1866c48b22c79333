"""Users, roles and passwords: what may be, what works at once, and that all of it stands in the log."""

import asyncio

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from app.db.accounts import Role, SignIn, User
from app.db.session import Sessions
from app.errors import AppError, BadInput, Conflict, Forbidden, NotFound, Unavailable
from app.services import accounts, passwords, signing_in
from app.services.signing_in import FREE, SignedIn

GOOD = "correct horse, battery staple"
OTHER = "seven grey herons at the weir"


async def user(sessions: Sessions, email: str = "ada@example.com", role: Role = Role.ANALYST) -> User:
    return await accounts.create(sessions, email=email, role=role, password=GOOD, by="local")


async def enter(sessions: Sessions, password: str = GOOD, email: str = "ada@example.com") -> SignedIn:
    return await signing_in.sign_in(sessions, email=email, password=password, client="127.0.0.1 tests")


async def actions(sessions: Sessions) -> list[str]:
    """Return what stands in the audit log, in its order."""
    return [entry.action for entry in reversed(await accounts.audit(sessions, first=1_000))]


async def is_in(sessions: Sessions, found: SignedIn) -> bool:
    return await signing_in.known(sessions, sign_in=found.sign_in, version=found.user.token_version) is not None


async def later(sessions: Sessions, seconds: int) -> None:
    """Have time pass for all accounts and all that is signed in to."""
    async with sessions.begin() as session:
        span = text(f"interval '{seconds} s'")
        await session.execute(update(User).values(locked_until=User.locked_until - span))
        await session.execute(update(SignIn).values(refreshed_at=SignIn.refreshed_at - span, expires_at=SignIn.expires_at - span))


async def test_a_user_signs_in_under_the_email_however_it_is_written(sessions: Sessions) -> None:
    made = await user(sessions, "Ada@Example.COM ")
    found = await enter(sessions, email=" ADA@example.com")
    known = await signing_in.known(sessions, sign_in=found.sign_in, version=found.user.token_version)
    assert known == signing_in.Known(user_id=made.id, email="ada@example.com", role=Role.ANALYST)
    (there,) = await accounts.page(sessions)
    assert there.last_sign_in is not None
    assert GOOD not in there.password
    assert there.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_there_is_one_user_of_an_email(sessions: Sessions) -> None:
    await user(sessions)
    with pytest.raises(Conflict, match=r"there is a user ada@example.com already"):
        await user(sessions, "ADA@example.com")


@pytest.mark.parametrize("email", ["", "ada", "@example.com", "ada@", "a b@example.com", "ada@example.com\n x", "a" * 65 + "@example.com"])
async def test_what_is_no_email_is_no_user(sessions: Sessions, email: str) -> None:
    with pytest.raises(BadInput, match="email: expected an address such as"):
        await user(sessions, email)


@pytest.mark.parametrize(
    "password",
    ["short one!", "a" * 12, "passwordpassword", "qwertyuiopas", "ada@example.com", "usdc-arbitrage", "123456789012", "x" * 257],
)
def test_a_password_that_others_would_guess_is_refused(password: str) -> None:
    with pytest.raises(BadInput, match=r"^password: expected "):
        passwords.check(password, email="ada@example.com")


def test_a_password_is_weighed_by_what_it_is_and_not_by_how_it_is_typed() -> None:
    passwords.check(GOOD, email="ada@example.com")
    passwords.check("ﬁve ﬁne ﬁngers of gin", email="ada@example.com")  # ligatures are letters


async def test_the_same_password_in_another_form_of_unicode_opens(sessions: Sessions) -> None:
    await accounts.create(sessions, email="ada@example.com", role=Role.VIEWER, password="caf\u00e9 at the corner of nine", by="local")
    assert await is_in(sessions, await enter(sessions, "cafe\u0301 at the corner of nine"))


async def test_whoever_cannot_get_in_hears_one_sentence_whatever_the_reason(sessions: Sessions) -> None:
    await user(sessions)
    await user(sessions, "eve@example.com")
    await accounts.set_disabled(sessions, "eve@example.com", disabled=True, by="local")
    said = set()
    for email, password in (
        ("ada@example.com", OTHER),
        ("bob@example.com", GOOD),
        ("eve@example.com", GOOD),
        ("nonsense", GOOD),
        ("ada@example.com", ""),
    ):
        with pytest.raises(Forbidden) as refused:
            await enter(sessions, password, email)
        said.add(str(refused.value))
    assert len(said) == 1
    assert (await actions(sessions)).count("sign_in_refused") == 5


async def test_wrong_passwords_shut_an_account_for_longer_and_longer(sessions: Sessions) -> None:
    await user(sessions)
    for _ in range(FREE):
        with pytest.raises(Forbidden):
            await enter(sessions, OTHER)
    with pytest.raises(Forbidden):
        await enter(sessions)  # the right one, and shut
    await later(sessions, 31)
    with pytest.raises(Forbidden):
        await enter(sessions, OTHER)
    await later(sessions, 31)
    with pytest.raises(Forbidden):
        await enter(sessions)  # for a minute, now
    await later(sessions, 31)
    assert await is_in(sessions, await enter(sessions))
    (there,) = await accounts.page(sessions)
    assert (there.failures, there.locked_until) == (0, None)


async def test_many_guesses_at_once_are_no_more_than_one_after_another(sessions: Sessions) -> None:
    await user(sessions)
    tries = await asyncio.gather(*(enter(sessions, OTHER) for _ in range(FREE + 9)), enter(sessions), return_exceptions=True)
    assert all(isinstance(one, Forbidden) for one in tries[:-1])
    (there,) = await accounts.page(sessions)
    assert there.failures in {0, *range(FREE + 1)}  # the right one may have come first
    assert isinstance(tries[-1], SignedIn | Forbidden)


async def test_an_account_stays_open_to_its_user_while_none_of_many_is_wrong(sessions: Sessions) -> None:
    await user(sessions)
    found = [await enter(sessions) for _ in range(FREE + 2)]
    assert all([await is_in(sessions, one) for one in found])
    assert len(await accounts.sign_ins(sessions, found[0].user.id)) == FREE + 2


async def test_a_refresh_token_is_good_once_and_a_second_time_ends_the_chain(sessions: Sessions) -> None:
    await user(sessions)
    first, apart = await enter(sessions), await enter(sessions)
    second = await signing_in.refresh(sessions, first.refresh)
    assert second.sign_in == first.sign_in
    assert await is_in(sessions, second)
    with pytest.raises(Forbidden, match="was used before; sign in again"):
        await signing_in.refresh(sessions, first.refresh)
    assert not await is_in(sessions, second)
    with pytest.raises(Forbidden):
        await signing_in.refresh(sessions, second.refresh)
    assert await is_in(sessions, await signing_in.refresh(sessions, apart.refresh))
    assert (await actions(sessions))[-1] == "refresh_token_came_twice"


async def test_of_two_who_refresh_at_once_one_at_most_goes_on(sessions: Sessions) -> None:
    await user(sessions)
    found = await enter(sessions)
    tries = await asyncio.gather(*(signing_in.refresh(sessions, found.refresh) for _ in range(2)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tries) == ["Forbidden", "SignedIn"]
    assert not await is_in(sessions, found)


async def test_a_token_that_was_made_up_ends_nobodys_chain(sessions: Sessions) -> None:
    await user(sessions)
    found = await enter(sessions)
    for token in ("", "é", "x" * 500, found.refresh[:-1], found.refresh[:40] + "A" * (len(found.refresh) - 40)):
        with pytest.raises(Forbidden):
            await signing_in.refresh(sessions, token)
    assert await is_in(sessions, await signing_in.refresh(sessions, found.refresh))


@pytest.mark.parametrize("seconds", [14 * 86_400 + 1, 31 * 86_400])
async def test_a_chain_ends_when_nobody_went_on_with_it_or_it_is_old(sessions: Sessions, seconds: int) -> None:
    await user(sessions)
    found = await enter(sessions)
    await later(sessions, seconds)
    with pytest.raises(Forbidden):
        await signing_in.refresh(sessions, found.refresh)


async def test_signing_out_ends_that_and_nothing_else(sessions: Sessions) -> None:
    await user(sessions)
    found, other = await enter(sessions), await enter(sessions)
    await signing_in.sign_out(sessions, found.refresh)
    await signing_in.sign_out(sessions, found.refresh)
    assert (await is_in(sessions, found), await is_in(sessions, other)) == (False, True)


async def test_what_is_taken_from_a_user_is_gone_at_once(sessions: Sessions) -> None:
    made = await user(sessions)
    for change in (
        lambda: accounts.set_role(sessions, made.email, Role.VIEWER, by="root@example.com"),
        lambda: accounts.set_disabled(sessions, made.email, disabled=True, by="root@example.com"),
        lambda: accounts.set_disabled(sessions, made.email, disabled=False, by="root@example.com"),
        lambda: accounts.set_password(sessions, made.email, GOOD, by="root@example.com"),
        lambda: accounts.end_sign_ins(sessions, made.email, by="root@example.com"),
        lambda: signing_in.change_password(sessions, user_id=made.id, old=GOOD, new=GOOD),
    ):
        try:
            found = await enter(sessions)
        except Forbidden:
            found = None  # disabled: there is nothing to take
        await change()
        assert found is None or not await is_in(sessions, found)
    by_root = [entry.action for entry in await accounts.audit(sessions, first=99) if entry.actor == "root@example.com"]
    assert by_root[::-1] == ["role_set", "user_disabled", "user_enabled", "password_set", "sign_ins_ended"]


async def test_a_change_of_password_wants_the_old_one(sessions: Sessions) -> None:
    made = await user(sessions)
    with pytest.raises(Forbidden, match="the old password is not right"):
        await signing_in.change_password(sessions, user_id=made.id, old=OTHER, new=OTHER)
    with pytest.raises(BadInput):
        await signing_in.change_password(sessions, user_id=made.id, old=GOOD, new="short")
    await signing_in.change_password(sessions, user_id=made.id, old=GOOD, new=OTHER)
    with pytest.raises(Forbidden):
        await enter(sessions)
    assert await is_in(sessions, await enter(sessions, OTHER))


async def test_somebody_is_left_who_decides(sessions: Sessions) -> None:
    for email in ("ada@example.com", "eve@example.com"):
        await user(sessions, email, Role.ADMIN)
    for _ in range(12):
        tries = await asyncio.gather(
            accounts.set_role(sessions, "ada@example.com", Role.VIEWER, by="eve@example.com"),
            accounts.set_disabled(sessions, "eve@example.com", disabled=True, by="ada@example.com"),
            return_exceptions=True,
        )
        assert [type(one) for one in tries if isinstance(one, AppError)] == [Conflict]
        assert len([one for one in await accounts.page(sessions) if one.role == Role.ADMIN and not one.disabled]) == 1
        await accounts.set_role(sessions, "ada@example.com", Role.ADMIN, by="local")
        await accounts.set_disabled(sessions, "eve@example.com", disabled=False, by="local")


async def test_of_nobody_nothing_can_be_changed(sessions: Sessions) -> None:
    with pytest.raises(NotFound, match=r"there is no user bob@example.com"):
        await accounts.set_role(sessions, "bob@example.com", Role.ADMIN, by="local")


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_the_audit_log_only_grows(sessions: Sessions, change: str) -> None:
    await user(sessions)
    with pytest.raises(DBAPIError, match="the audit log only grows"):
        async with sessions.begin() as session:
            await session.execute(text(change))
    assert await actions(sessions) == ["user_created"]


async def test_more_than_can_be_looked_after_are_sent_away_and_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_WAITING", 3)
    tries = await asyncio.gather(*(passwords.matches(GOOD, None) for _ in range(9)), return_exceptions=True)
    assert sorted(str(type(one).__name__) for one in tries) == ["Unavailable"] * 6 + ["bool"] * 3
    assert isinstance(next(one for one in tries if one is not False), Unavailable)
    assert await passwords.matches(GOOD, await passwords.hashed(GOOD))


async def test_a_weaker_hash_of_old_is_made_anew_when_its_user_signs_in(sessions: Sessions) -> None:
    made = await user(sessions)
    weak = passwords.PasswordHasher(time_cost=1, memory_cost=8 << 10, parallelism=1).hash(GOOD)
    async with sessions.begin() as session:
        await session.execute(update(User).values(password=weak))
    await enter(sessions)
    (there,) = await accounts.page(sessions)
    assert there.id == made.id
    assert "m=19456,t=2,p=1" in there.password
    assert await is_in(sessions, await enter(sessions))
