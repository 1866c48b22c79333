"""Settings come from one place, are checked at the start, and keep their secrets."""

import json
import os
import traceback
from pathlib import Path
from typing import Final

import pytest

from app.errors import SettingsError
from app.settings import Settings, data_home, load_settings

ROOT = Path(__file__).parents[2]
SECRETS: Final = {
    "DB_PASSWORD": "p@ss/w:rd?#%",
    "REDIS_PASSWORD": "quiet-river-17",
    "API_SECRET_KEY": "k" * 32,
    "JWT_SECRET": "j" * 32,
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def _refusal(**values: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(SECRETS | values)
    return str(caught.value)


def test_only_the_secrets_are_required() -> None:
    settings = load_settings(SECRETS)
    assert (settings.db_port, settings.redis_port, settings.api_port, settings.jwt_expiration) == (5432, 6379, 8000, 600)
    assert settings.api_host == "127.0.0.1"


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert [line.split()[:4] for line in str(caught.value).splitlines()[1:]] == [[name, "is", "not", "set;"] for name in sorted(SECRETS)]


def test_a_wrong_value_is_named_with_what_was_expected_and_an_example() -> None:
    message = _refusal(DB_PORT="abc")
    assert "DB_PORT is 'abc' and " in message
    assert "valid integer" in message
    assert "for example DB_PORT=5432" in message


def test_several_wrong_values_are_named_together() -> None:
    message = _refusal(DB_PORT="70000", LOG_FORMAT="xml", JWT_EXPIRATION="5", REDIS_HOST="redis://there")
    for part in (
        "DB_PORT is '70000'",
        "less than or equal to 65535",
        "LOG_FORMAT is 'xml'",
        "'json' or 'console'",
        "JWT_EXPIRATION is '5'",
        "REDIS_HOST",
    ):
        assert part in message


def test_an_empty_value_is_called_empty() -> None:
    assert "DB_PORT is empty and " in _refusal(DB_PORT="")


def test_rows_are_kept_for_ever_or_for_a_week_and_more() -> None:
    assert load_settings(SECRETS | {"BARS_KEEP_DAYS": "7"}).bars_keep_days == 7
    assert "QUOTES_KEEP_DAYS is '6' and should be 0, for ever, or 7 and more; for example QUOTES_KEEP_DAYS=365" in _refusal(QUOTES_KEEP_DAYS="6")


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["", "   ", "your_secure_password", "your_secure_redis_password", "changeme", "postgres", "<secret>"])
def test_a_secret_that_is_empty_or_a_placeholder_is_refused(name: str, value: str) -> None:
    message = _refusal(**{name: value})
    assert f"{name} is empty" in message or f"{name} still holds a placeholder" in message
    assert not value.strip() or value not in message


@pytest.mark.parametrize("name", SECRETS)
def test_the_command_of_an_example_is_no_secret_where_no_shell_runs_it(name: str, tmp_path: Path) -> None:
    example = _refusal(**{name: ""}).split(f"for example {name}=")[1].splitlines()[0]
    (tmp_path / ".env").write_text(f"{name}={example}\n")
    others = {variable: value for variable, value in SECRETS.items() if variable != name}
    with pytest.raises(SettingsError, match=rf"{name} is a command, which only a shell runs, and .env does not"):
        load_settings(others, env_file=tmp_path / ".env")


@pytest.mark.parametrize("name", ["API_SECRET_KEY", "JWT_SECRET"])
def test_a_signing_key_that_is_too_short_is_refused_with_its_length_only(name: str) -> None:
    message = _refusal(**{name: "x7" * 15})
    assert f"{name} has 30 bytes and needs 32 or more" in message
    assert "x7x7" not in message


def test_a_refusal_shows_no_secret_even_in_its_traceback() -> None:
    short = "7" * 20
    try:
        load_settings(SECRETS | {"JWT_SECRET": short, "DB_PORT": "x"})
    except SettingsError as error:
        shown = "".join(traceback.format_exception(error))
    assert short not in shown
    assert not any(secret in shown for secret in SECRETS.values())


def test_settings_never_show_a_secret() -> None:
    settings = load_settings(SECRETS)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {settings.database_url}"
    assert not any(secret in shown for secret in SECRETS.values())
    assert set(settings.secrets) == set(SECRETS.values())


def test_addresses_carry_any_password() -> None:
    settings = load_settings(SECRETS | {"DB_USER": "a b", "DB_HOST": "::1"})
    assert settings.libpq_uri == "postgresql://a%20b:p%40ss%2Fw%3Ard%3F%23%25@[::1]:5432/usdc_arbitrage"
    assert settings.database_url.password == SECRETS["DB_PASSWORD"]
    assert settings.database_url.drivername == "postgresql+asyncpg"
    assert (settings.redis.host, settings.redis.port, settings.redis.password) == ("127.0.0.1", 6379, SECRETS["REDIS_PASSWORD"])


def test_overrides_come_before_the_environment_and_that_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "".join(f"{name}='{value}'\n" for name, value in SECRETS.items()) + "DB_HOST=file\nAPI_HOST=file\nREDIS_HOST=file\nOTHER=1\n"
    )
    monkeypatch.setenv("DB_HOST", "environment")
    monkeypatch.setenv("API_HOST", "environment")
    settings = load_settings({"API_HOST": "override", "SOMETHING": "else"})
    assert (settings.redis_host, settings.db_host, settings.api_host) == ("file", "environment", "override")
    assert settings.db_password.get_secret_value() == SECRETS["DB_PASSWORD"]


def test_secrets_may_lie_in_files_which_all_else_comes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in SECRETS.items():
        (folder / name.lower()).write_text(f"{value}\n")
    (folder / "db_host").write_text("file")
    (folder / "something").write_text("else")
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    monkeypatch.setenv("REDIS_PASSWORD", "environment")
    settings = load_settings()
    assert {name: getattr(settings, name.lower()).get_secret_value() for name in SECRETS} == SECRETS | {"REDIS_PASSWORD": "environment"}
    assert settings.db_host == "file"
    (folder / "jwt_secret").write_text("short\n")
    with pytest.raises(SettingsError, match="JWT_SECRET has 5 bytes and needs 32 or more") as refused:
        load_settings()
    assert "short" not in str(refused.value)


def test_a_folder_of_secrets_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"SECRETS_DIR: .*none cannot be read; expected a folder of files"):
        load_settings(SECRETS)


def test_an_environment_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"\xff\xfe\x00DB_HOST=x")
    with pytest.raises(SettingsError, match="not a text file"):
        load_settings(SECRETS)


def test_the_data_folder_follows_the_desktop_convention(tmp_path: Path) -> None:
    assert data_home({"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "usdc-arb"
    assert data_home({"XDG_DATA_HOME": "relative"}) == data_home({}) == Path.home() / ".local/share/usdc-arb"


def test_the_example_file_holds_every_setting_once_and_nothing_else() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    names = [line.lstrip("# ").split("=")[0] for line in lines if "=" in line and line.lstrip("# ").split("=")[0].isupper()]
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)


def test_the_example_file_shows_the_defaults_and_no_secret() -> None:
    shown = dict(line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line and not line.startswith("#"))
    defaults = load_settings(SECRETS).model_dump(mode="json")
    assert {name: value for name, value in shown.items() if name not in SECRETS} == {
        name: str(defaults[name.lower()]) for name in shown if name not in SECRETS
    }
    assert all(shown[name] == "" for name in SECRETS)


def test_the_example_file_filled_in_can_be_used() -> None:
    text = (ROOT / ".env.example").read_text()
    for name in SECRETS:
        text = text.replace(f"{name}=\n", f"{name}={'s3' * 16}\n")
    Path(".env").write_text(text)
    assert load_settings().db_name == "usdc_arbitrage"
    assert json.dumps(dict(os.environ)).count("s3s3s3") == 0
