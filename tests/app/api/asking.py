"""How tests ask the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from starlette.applications import Starlette

from app.contract import operation

Form = dict[str, Any]


@asynccontextmanager
async def client_of(app: Starlette, token: str | None) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://api.test", headers=headers) as client:
        yield client


async def ask(client: httpx2.AsyncClient, name: str, /, **variables: object) -> Form:
    """Return the data of a named operation; no error is expected."""
    answer = await post(client, operation(name), operationName=name, variables=variables)
    assert "errors" not in answer, answer
    data: Form = answer["data"]
    return data


async def post(client: httpx2.AsyncClient, query: str, **more: object) -> Form:
    """Return the whole answer to a document."""
    response = await client.post("/graphql", json={"query": query, **more})
    assert response.status_code == 200, response.text
    form: Form = response.json()
    return form
