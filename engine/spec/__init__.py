"""The tables of a spec and how they must agree; `engine.config` is the door."""
