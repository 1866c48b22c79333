"""GraphQL and HTTP: parse a request, call one service, map its result and its errors."""
