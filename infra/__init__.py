"""The environment as code; `infra.sizing` is the one part that the application reads."""
