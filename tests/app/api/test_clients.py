"""The ways in that docs/api.md shows, as they stand there, against the API on a socket."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from uuid import UUID

import pytest

from app.db.accounts import Role
from app.db.session import Sessions
from app.settings import Settings
from tests.app.api.rows import weekend
from tests.app.api.test_served import address
from tests.app.services.test_accounts import GOOD, user

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
__all__ = ["address"]


def shown(language: str, uses: str) -> str:
    (found,) = (block for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if uses in block)
    return str(found)


async def output(at: tuple[str, int], settings: Settings, *command: str, **more: str) -> str:
    """Return what a client prints."""
    own = more | {"USDC_ARB_URL": f"http://{at[0]}:{at[1]}", "USDC_ARB_TOKEN": settings.api_secret_key.get_secret_value(), "NO_PROXY": "*"}
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1, env={**os.environ, **own})
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_python_signs_in_and_reads_a_result_into_a_frame(
    address: tuple[str, int], app_settings: Settings, sessions: Sessions, done: UUID
) -> None:
    ada = await user(sessions, role=Role.VIEWER)
    said = await output(address, app_settings, sys.executable, "-W", "error", "-c", shown("python", "httpx2"), EMAIL=ada.email, PASSWORD=GOOD)
    result = weekend()[1]
    assert said == f"{result.summary['verdict']}\n{result.fills.height} orders\n"


async def test_python_follows_a_run_over_a_websocket(address: tuple[str, int], app_settings: Settings, done: UUID) -> None:
    said = await output(address, app_settings, sys.executable, "-W", "error", "-c", shown("python", "websockets"), RUN=str(done))
    assert said == "{'state': 'DONE', 'progress': 1.0}\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
async def test_curl_asks_from_a_shell(address: tuple[str, int], app_settings: Settings, done: UUID) -> None:
    command = re.findall(r"    (curl .*?\}')\n", PAGE, re.DOTALL)[0].replace("127.0.0.1:8000", f"{address[0]}:{address[1]}")
    assert (
        await output(address, app_settings, "sh", "-c", command) == f'{{"data":{{"runs":{{"edges":[{{"node":{{"id":"{done}","state":"DONE"}}}}]}}}}}}'
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js")
async def test_javascript_asks_with_fetch(address: tuple[str, int], app_settings: Settings, done: UUID) -> None:
    said = await output(address, app_settings, "node", "--input-type=module", "-e", shown("javascript", "fetch"))
    assert said == f"{weekend()[0].name} DONE\n"
