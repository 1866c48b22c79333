"""`python -m app.api.print_schema > graphql/schema.graphql`: write the contract anew after a change of the schema."""

import sys

from app.api.schema import sdl

if __name__ == "__main__":
    sys.stdout.write(sdl())
