"""The database as the settings and the machine would have it: migrated, and its rows kept for as long as is said."""

from app.db import migrate
from app.db.hypertables import TABLES, Lifecycle
from app.db.objects import Place
from app.ops import hardware
from app.services.snapshots import Archive
from app.settings import Settings
from infra.sizing import BOX


def lifecycle(settings: Settings) -> Lifecycle:
    """Return how rows live: chunks by the hardware plan, how long they are kept by the settings."""
    kept = {table.name: int(getattr(settings, f"{table.name}_keep_days")) for table in TABLES}
    plan = hardware.planned(settings.usdc_arb_data, BOX)
    return Lifecycle(chunk_hours=plan.chunk_hours, keep_days={name: days for name, days in kept.items() if days})


async def upgrade(settings: Settings) -> None:
    """Bring the database up to date, its schema and what it does with old rows."""
    await migrate.upgrade(settings.database_url, lifecycle=lifecycle(settings))


def archive(settings: Settings) -> Archive:
    """Return where series and their snapshots are."""
    secret = settings.s3_secret_access_key
    place = Place(
        url=settings.snapshots_url,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
    )
    return Archive(libpq_uri=settings.libpq_uri, read_uri=settings.libpq_read_uri, place=place)
