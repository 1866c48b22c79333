"""Spec files: read, check, describe."""

from pathlib import Path

from app.cli import output
from app.errors import BadInput, NotFound
from engine.config import Spec, json_schema, parse_spec_toml
from engine.errors import SpecError


def read(path: Path) -> tuple[Spec, str]:
    """Return the spec of a file and its text; what looks like a mistake is said on the way."""
    text = read_text(path)
    try:
        spec = parse_spec_toml(text)
    except SpecError as error:
        error.add_note(str(path))
        raise
    for warning in spec.warnings():
        output.note(f"warning: {path}: {warning}")
    return spec, text


def read_text(path: Path, *, what: str = "spec", example: str = "examples/spatial-demo.toml") -> str:
    """Return the text of a spec's or sweep's file; NotFound and BadInput say what is there instead."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}; give the path of a {what}, for example {example}") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder; give the path of a {what} file in it") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not a text file in UTF-8; a {what} is written in TOML") from None


def validate(path: Path, *, as_json: bool) -> None:
    """Say that a spec can be run, and what it would read."""
    spec, _ = read(path)
    if as_json:
        series = list(map(str, spec.series))
        output.document({"valid": True, "hash": spec.hash(), "series": series, "warnings": spec.warnings(), "spec": spec.canonical()})
        return
    output.show(f"{path} can be run: {spec.name}", f"{spec.canonical()['start']} to {spec.canonical()['end']}, on {len(spec.series)} series:")
    output.show(*(f"  {key}" for key in spec.series))


def print_schema() -> None:
    """Print the JSON Schema of a spec."""
    output.document(json_schema())
