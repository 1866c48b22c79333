"""Settings from the environment and `.env`, checked once at the start; secrets are never shown."""

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

from arq.connections import RedisSettings
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from app.errors import SettingsError

_PLACEHOLDER = re.compile(r"your_|change.?me|<.*>$|^(?:password|secret|example|admin|postgres)$", re.IGNORECASE)
_NEW_SECRET = "$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')"  # noqa: S105 - a command that makes one
SIGNING_BYTES: Final = 32
"""Shortest key with which HMAC-SHA256 may sign (RFC 7518, section 3.2)."""

LEAST_KEPT_DAYS: Final = 7
"""Shortest time that rows are kept, where they are not kept for ever: candles of a day need some days to be worked out in."""


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class LogFormat(StrEnum):
    """For whom the log is written: `json` for collectors, `console` for people."""

    JSON = "json"
    CONSOLE = "console"


def data_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for data where none is set: below XDG_DATA_HOME, else below the home folder."""
    home = environment.get("XDG_DATA_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "share") / "usdc-arb"


def _filled(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if not secret.strip():
        raise PydanticCustomError("empty", "is empty")
    if secret.lstrip("'\"").startswith(("$(", "`")):
        raise PydanticCustomError("command", "is a command, which only a shell runs, and .env does not; put there what it prints")
    if _PLACEHOLDER.search(secret):
        raise PydanticCustomError("placeholder", "still holds a placeholder of the guide; anybody could guess it")
    return value


def _long_enough(value: SecretStr) -> SecretStr:
    length = len(value.get_secret_value().encode())
    if length < SIGNING_BYTES:
        raise PydanticCustomError("short", f"has {length} bytes and needs {SIGNING_BYTES} or more")
    return value


def _host(value: str) -> str:
    if not value or re.search(r"[\s/@?#]", value):
        raise PydanticCustomError("host", "should be a host name or an address, without scheme, port or path")
    return value


def _kept(value: int) -> int:
    if 0 < value < LEAST_KEPT_DAYS:
        raise PydanticCustomError("kept", f"should be 0, for ever, or {LEAST_KEPT_DAYS} and more")
    return value


SECRETS_DIR = "SECRETS_DIR"
"""The variable that names a folder of settings in files."""

Port = Annotated[int, Field(ge=1, le=65535)]
Kept = Annotated[int, Field(ge=0, le=36_500), AfterValidator(_kept)]
Host = Annotated[str, AfterValidator(_host)]
Password = Annotated[SecretStr, AfterValidator(_filled)]
SigningKey = Annotated[SecretStr, AfterValidator(_filled), AfterValidator(_long_enough)]


class Settings(BaseSettings):
    """Everything that is set from outside; one field a variable, by the same name in capitals."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=False, populate_by_name=True, hide_input_in_errors=True, env_file_encoding="utf-8"
    )

    db_host: Host = Field(default="127.0.0.1", examples=["postgres"])
    db_port: Port = Field(default=5432, examples=["5432"])
    db_name: str = Field(default="usdc_arbitrage", min_length=1, max_length=63, examples=["usdc_arbitrage"])
    db_user: str = Field(default="usdc_arb", min_length=1, max_length=63, examples=["usdc_arb"])
    db_password: Password = Field(examples=[_NEW_SECRET])
    db_read_host: Host | None = Field(default=None, examples=["replica"])
    db_read_port: Port | None = Field(default=None, examples=["5432"])
    redis_host: Host = Field(default="127.0.0.1", examples=["redis"])
    redis_port: Port = Field(default=6379, examples=["6379"])
    redis_password: Password = Field(examples=[_NEW_SECRET])
    api_host: Host = Field(default="127.0.0.1", examples=["127.0.0.1"])
    api_port: Port = Field(default=8000, examples=["8000"])
    api_trusted_only: bool = Field(default=False, examples=["true"])
    api_requests_per_minute: int = Field(default=6_000, ge=0, examples=["6000"])
    api_cost_per_minute: int = Field(default=3_000_000, ge=0, examples=["3000000"])
    api_secret_key: SigningKey = Field(examples=[_NEW_SECRET])
    jwt_secret: SigningKey = Field(examples=[_NEW_SECRET])
    jwt_secret_old: SigningKey | None = Field(default=None, examples=[_NEW_SECRET])
    jwt_expiration: int = Field(default=600, ge=60, le=86_400, examples=["600"])
    bars_keep_days: Kept = Field(default=0, examples=["0"])
    quotes_keep_days: Kept = Field(default=0, examples=["365"])
    trades_keep_days: Kept = Field(default=0, examples=["365"])
    pool_states_keep_days: Kept = Field(default=0, examples=["365"])
    funding_rates_keep_days: Kept = Field(default=0, examples=["0"])
    jobs_queued: int = Field(default=200_000, ge=1, examples=["200000"])
    jobs_queued_per_user: int = Field(default=100_000, ge=1, examples=["1000"])
    jobs_running_per_user: int = Field(default=0, ge=0, examples=["4"])
    snapshots: str | None = Field(default=None, min_length=1, examples=["s3://bucket/prefix"])
    s3_endpoint: str | None = Field(default=None, min_length=1, examples=["http://127.0.0.1:9000"])
    s3_region: str = Field(default="us-east-1", min_length=1, examples=["us-east-1"])
    s3_access_key_id: str | None = Field(default=None, min_length=1, examples=["usdc-arb"])
    s3_secret_access_key: Password | None = Field(default=None, examples=[_NEW_SECRET])
    log_level: LogLevel = Field(default=LogLevel.INFO, examples=["INFO"])
    log_format: LogFormat = Field(default=LogFormat.JSON, examples=["json"])
    usdc_arb_data: Path = Field(default_factory=data_home, examples=["/var/lib/usdc-arb"])

    @property
    def database_url(self) -> URL:
        """Return the database's address for SQLAlchemy on asyncpg."""
        return URL.create("postgresql+asyncpg", self.db_user, self.db_password.get_secret_value(), self.db_host, self.db_port, self.db_name)

    @property
    def libpq_uri(self) -> str:
        """Return the database's address for libpq, which ADBC and psql use; it holds the password."""
        return self._libpq_uri(self.db_host, self.db_port)

    @property
    def libpq_read_uri(self) -> str:
        """Return where rows are read for snapshots: the replica where one is set, else the database."""
        return self._libpq_uri(self.db_read_host or self.db_host, self.db_read_port or self.db_port)

    @property
    def snapshots_url(self) -> str:
        """Return where snapshots lie: as set, else in the data folder."""
        return self.snapshots or str(self.usdc_arb_data / "snapshots")

    def _libpq_uri(self, host: str, port: int) -> str:
        user, password = (quote(part, safe="") for part in (self.db_user, self.db_password.get_secret_value()))
        return f"postgresql://{user}:{password}@{f'[{host}]' if ':' in host else host}:{port}/{quote(self.db_name, safe='')}"

    @property
    def redis(self) -> RedisSettings:
        """Return the queue server's address for arq."""
        return RedisSettings(host=self.redis_host, port=self.redis_port, password=self.redis_password.get_secret_value())

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every secret, for the log to blot out."""
        return tuple(value.get_secret_value() for name in type(self).model_fields if isinstance(value := getattr(self, name), SecretStr))


def load_settings(overrides: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env")) -> Settings:
    """Return the settings; `overrides` (by variable name) come before the environment, that before `env_file`, and that before the files of secrets.

    SECRETS_DIR names a folder whose files hold a setting each, named after it (`db_password`), as containers get them; its last line break does not
    count. Raises SettingsError, which names each variable that is missing or wrong, with an example.
    """
    values = {name.lower(): value for name, value in (overrides or {}).items() if name.lower() in Settings.model_fields}
    build: Any = Settings  # the required fields come from the environment, which the type checker cannot know
    try:
        settings: Settings = build(_env_file=env_file, _secrets_dir=_secrets_dir(), **values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None  # the cause holds the values, secrets among them
    except OSError as error:
        raise SettingsError(f"{env_file} cannot be read ({error.strerror}); let this user read it, or remove it") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{env_file} is not a text file in UTF-8; write it anew, starting from .env.example") from None
    return settings


def _secrets_dir() -> Path | None:
    named = os.environ.get(SECRETS_DIR)
    if not named:
        return None
    folder = Path(named)
    unreadable = [path for path in sorted(folder.iterdir()) if not os.access(path, os.R_OK)] if folder.is_dir() else [folder]
    if unreadable:
        raise SettingsError(f"{SECRETS_DIR}: {unreadable[0]} cannot be read; expected a folder of files, one a setting, that this user may read")
    return folder


def _explain(error: ValidationError) -> str:
    lines = sorted(_problem(detail) for detail in error.errors(include_url=False))
    return "the settings cannot be used; set these in the environment or in .env:\n" + "\n".join(f"  {line}" for line in lines)


def _problem(detail: ErrorDetails) -> str:
    name = str(detail["loc"][0])
    example = (Settings.model_fields[name].examples or [""])[0]
    return f"{name.upper()} {_what_is_wrong(name, detail)}; for example {name.upper()}={example}"


def _what_is_wrong(name: str, detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is not set"
    if _is_secret(name):
        return detail["msg"]
    found = "is empty" if detail["input"] == "" else f"is {str(detail['input'])[:80]!r}"
    return f"{found} and {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _is_secret(name: str) -> bool:
    return "SecretStr" in repr(Settings.model_fields[name].annotation)
