"""The worker: PostgreSQL is the queue of record, arq rings, children compute."""
