"""What somebody looks at once a week or a month: how runs fared and what grew, and who used the system."""

from typing import cast

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.accounts import SignIn, User
from app.db.models import Json
from app.db.session import Sessions
from app.services import keys

_WAITS = text("""
    SELECT count(*) AS runs,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at)) AS waited_s,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)) AS took_s
    FROM runs WHERE finished_at > now() - interval '7 days' AND started_at IS NOT NULL""")
_FAILED = text("SELECT error_code, count(*) FROM runs WHERE finished_at > now() - interval '7 days' AND state = 'failed' GROUP BY 1 ORDER BY 1")
_EVENTS = text("SELECT event, count(*) FROM run_events WHERE at > now() - interval '7 days' GROUP BY 1 ORDER BY 1")
_TABLES = text("SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables ORDER BY 2 DESC LIMIT 10")
_HAS_STATEMENTS = text("SELECT to_regclass('pg_stat_statements') IS NOT NULL")
_SLOW = text(
    "SELECT left(query, 200), calls, round(mean_exec_time::numeric, 1)::float8 FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 10"
)
_USERS = text("""
    SELECT created_by, count(*), count(*) FILTER (WHERE created_at > now() - interval '30 days'), max(created_at)
    FROM runs WHERE kind <> 'part' GROUP BY 1 ORDER BY 1""")
_ACCOUNTS = (
    select(User, func.count(SignIn.id).filter(SignIn.ended_at.is_(None), SignIn.expires_at > func.now()))
    .outerjoin(SignIn, SignIn.user_id == User.id)
    .group_by(User.id)
    .order_by(User.email)
)
_REFUSED = text("""
    SELECT actor, count(*) FROM audit WHERE action = 'sign_in_refused' AND at > now() - interval '30 days'
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20""")
_ROLES = text("SELECT rolname, rolsuper, rolcanlogin FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1")


async def performance(sessions: Sessions, before: Json | None) -> Json:
    """Return how runs of the last week waited, took and failed, the slowest statements, and how much tables grew since the report before."""
    async with sessions() as session:
        runs = (await session.execute(_WAITS)).one()
        tables = {name: size for name, size in await session.execute(_TABLES)}  # noqa: C416
        older = cast(dict[str, int], (before or {}).get("table_bytes", {}))
        return {
            "runs": runs.runs,
            "waited_s": _two(runs.waited_s),
            "took_s": _two(runs.took_s),
            "failed": {code: count for code, count in await session.execute(_FAILED)},  # noqa: C416
            "events": {event: count for event, count in await session.execute(_EVENTS)},  # noqa: C416
            "table_bytes": tables,
            "grown_bytes": {name: size - older[name] for name, size in tables.items() if name in older},
            "slow_statements": await _slow(session),
        }


async def access(sessions: Sessions) -> Json:
    """Return the accounts and keys, with what each may do and when it was last used, who has submitted how much, and which roles the database has."""
    async with sessions() as session:
        users = [
            {"user": user, "submitted": count, "last_30_days": recent, "last": last.isoformat()}
            for user, count, recent, last in await session.execute(_USERS)
        ]
        accounts = [
            {
                "email": user.email,
                "role": user.role,
                "disabled": user.disabled,
                "last_sign_in": user.last_sign_in.isoformat() if user.last_sign_in else None,
                "password_since": user.password_at.isoformat(),
                "signed_in_to": count,
            }
            for user, count in await session.execute(_ACCOUNTS)
        ]
        refused = {who: count for who, count in await session.execute(_REFUSED)}  # noqa: C416
        roles = [{"role": name, "superuser": above, "may_log_in": login} for name, above, login in await session.execute(_ROLES)]
    held = [
        {
            "user": user.email,
            "name": key.name,
            "role": key.role,
            "expires": key.expires_at.isoformat(),
            "last_used": key.used_at.isoformat() if key.used_at else None,
        }
        for key, user in await keys.page(sessions)
    ]
    return {"accounts": accounts, "keys": held, "refused_sign_ins_30_days": refused, "users": users, "database_roles": roles}


def _two(found: list[float] | None) -> Json | None:
    return {"half": round(found[0], 3), "of_20_19": round(found[1], 3)} if found else None


async def _slow(session: AsyncSession) -> list[Json] | str:
    if not await session.scalar(_HAS_STATEMENTS):
        return "the extension pg_stat_statements is not there"
    return [{"statement": query, "calls": calls, "mean_ms": mean_ms} for query, calls, mean_ms in await session.execute(_SLOW)]
