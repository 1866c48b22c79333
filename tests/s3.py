"""An S3 server for tests (moto), in an environment of its own by `requirements/s3-server.txt`, started once a session where a test asks for it.

The environment is made once, beside the temporary files.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.objects import Place

LOCK = Path(__file__).parent.parent / "requirements" / "s3-server.txt"
KEPT = Path(tempfile.gettempdir()) / f"usdc-arb-tests-{os.getuid()}"
SERVER = """
import sys
from moto.server import ThreadedMotoServer
import boto3

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret-of-tests", "region_name": "us-east-1"}
boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys).create_bucket(Bucket="market")
print(port, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def s3_place() -> Iterator[Place]:
    """Run the server; yield a place in its bucket."""
    process = subprocess.Popen(
        [_environment() / "bin" / "python", "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Place(url="s3://market/days", endpoint=f"http://127.0.0.1:{port}", access_key_id="key", secret_access_key="secret-of-tests")
    finally:
        process.kill()
        process.communicate()


def _environment() -> Path:
    folder = KEPT / "s3"
    KEPT.mkdir(exist_ok=True)
    with folder.with_name("s3.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = folder / "installed"
        if not done.exists() or done.read_bytes() != LOCK.read_bytes():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, capture_output=True)
            install = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary",
                ":all:",
                "--no-deps",
                "--require-hashes",
                "-r",
                LOCK,
            ]
            subprocess.run([folder / "bin" / "python", *install], check=True, capture_output=True)
            done.write_bytes(LOCK.read_bytes())
    return folder
