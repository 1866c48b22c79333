"""Where commands find the box: in its data folder, in the settings, or at an address."""

import os
from pathlib import Path

from app.errors import NotFound, SettingsError, Unavailable
from app.ops.box import record
from app.settings import SECRETS_DIR, Settings, data_home, load_settings

ENV_FILE = Path(".env")


def data_folder(data: Path | None) -> Path:
    """Return the folder of the box: the one given, else that of USDC_ARB_DATA, else the user's."""
    return data or Path(os.environ.get("USDC_ARB_DATA") or data_home())


def settings(data: Path | None) -> Settings:
    """Return the settings of the box in a folder, or of environment, .env and files of secrets where these name a database and no folder is given."""
    if data is None and ("DB_PASSWORD" in os.environ or os.environ.get(SECRETS_DIR) or ENV_FILE.exists()):
        return load_settings()
    try:
        return record.connect(data_folder(data)).settings
    except NotFound as error:
        raise Unavailable(str(error)) from None


def api(data: Path | None, url: str | None) -> tuple[str, str]:
    """Return address and token of the API: of the one at `url`, else of the box's."""
    if url is None:
        found = settings(data)
        return f"http://{found.api_host}:{found.api_port}", found.api_secret_key.get_secret_value()
    token = os.environ.get("API_SECRET_KEY")
    if not token:
        raise SettingsError(f"API_SECRET_KEY is not set; the API at {url} opens to its key or to a token of `usdc-arb token create`")
    return url, token
