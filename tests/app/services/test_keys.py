"""Keys open what they may, for as long as they may, and no more."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from app.db.accounts import ApiKey, Role
from app.db.session import Sessions
from app.errors import BadInput, Forbidden, NotFound
from app.services import accounts, keys, signing_in
from app.services.keys import Made
from app.services.signing_in import Known
from tests.app.services.test_accounts import GOOD, actions, user

ADA = "ada@example.com"


async def make(sessions: Sessions, role: Role = Role.ANALYST, days: int = 1, name: str = "nightly") -> Made:
    return await keys.create(sessions, email=ADA, name=name, role=role, days=days, by="local")


async def opens(sessions: Sessions, made: Made) -> Known | None:
    found = keys.opened(made.text)
    assert found is not None
    return await keys.known(sessions, *found)


async def test_a_key_stands_for_its_user_as_far_as_both_reach(sessions: Sessions) -> None:
    ada = await user(sessions, role=Role.OPERATOR)
    made = await make(sessions)
    assert await opens(sessions, made) == Known(user_id=ada.id, email=ADA, role=Role.ANALYST)
    await accounts.set_role(sessions, ADA, Role.VIEWER, by="local")
    assert await opens(sessions, made) == Known(user_id=ada.id, email=ADA, role=Role.VIEWER)
    await accounts.set_disabled(sessions, ADA, disabled=True, by="local")
    assert await opens(sessions, made) is None
    assert (await actions(sessions))[1] == "key_made"


async def test_a_key_is_kept_as_a_hash_and_says_when_it_was_used(sessions: Sessions) -> None:
    await user(sessions)
    made = await make(sessions)
    ((key, owner),) = await keys.page(sessions)
    assert (owner.email, key.name, key.used_at) == (ADA, "nightly", None)
    assert key.secret not in made.text.encode()
    assert len(key.secret) == 32
    await opens(sessions, made)
    ((key, _),) = await keys.page(sessions)
    assert key.used_at is not None
    first = key.used_at
    await opens(sessions, made)
    ((key, _),) = await keys.page(sessions)
    assert key.used_at == first, "a request writes no more than once a minute"


async def test_a_key_that_ran_out_or_was_revoked_opens_nothing(sessions: Sessions) -> None:
    await user(sessions)
    old, revoked, other = [await make(sessions, name=name) for name in "abc"]
    async with sessions.begin() as session:
        await session.execute(update(ApiKey).where(ApiKey.id == old.key.id).values(expires_at=text("now()")))
    await keys.revoke(sessions, revoked.key.id, by=ADA, user_id=revoked.user.id)
    assert [await opens(sessions, made) is not None for made in (old, revoked, other)] == [False, False, True]
    assert [key.name for key, _ in await keys.page(sessions, user_id=other.user.id)] == ["c"]
    for gone, whose in ((revoked.key.id, None), (uuid4(), None), (other.key.id, uuid4())):
        with pytest.raises(NotFound, match="there is no key"):
            await keys.revoke(sessions, gone, by=ADA, user_id=whose)
    assert (await actions(sessions))[-1] == "key_revoked"


async def test_another_secret_under_the_same_name_opens_nothing(sessions: Sessions) -> None:
    await user(sessions)
    made = await make(sessions)
    assert await keys.known(sessions, made.key.id, bytes(32)) is None
    for wrong in ("", keys.PREFIX, made.text[:-1], made.text + "A", made.text.removeprefix(keys.PREFIX), made.text[:-1] + "é"):
        assert keys.opened(wrong) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"role": Role.OPERATOR}, "cannot be operator"),
        ({"days": 0}, "expected 1 to 366"),
        ({"days": 367}, "expected 1 to 366"),
        ({"name": " "}, "name: "),
    ],
)
async def test_a_key_that_cannot_be_is_not_made(sessions: Sessions, change: dict[str, object], says: str) -> None:
    await user(sessions)
    with pytest.raises(BadInput, match=says):
        await make(sessions, **change)  # type: ignore[arg-type]
    assert await keys.page(sessions) == []


async def test_a_service_account_has_keys_and_no_password(sessions: Sessions) -> None:
    await accounts.create(sessions, email=ADA, role=Role.ANALYST, password=None, by="local")
    for password in ("", "-", GOOD):
        with pytest.raises(Forbidden):
            await signing_in.sign_in(sessions, email=ADA, password=password, client="tests")
    made = await make(sessions, days=90)
    assert await opens(sessions, made) is not None
    assert made.key.expires_at - made.key.created_at == timedelta(days=90)
