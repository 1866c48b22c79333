"""Runs the benchmarks one after the other and writes what they print to docs/benchmarks.md: `python -m tests.bench.report [NAME ...]`.

Without names all of them, which takes a quarter of an hour; nothing else should run on the machine.
"""

import ast
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py")))
HEAD = """# Benchmarks

What `python -m tests.bench.report` wrote, a section a benchmark: equality of results first, then time, alone on the machine, which each
section names with its versions and commit. `make bench` writes the page anew, peers included; `python -m tests.bench.report NAME` a section.
"""


def save(name: str, text: str, page: Path = PAGE) -> None:
    """Put what a benchmark printed in its section of the page, and leave the others as they are."""
    parts = page.read_text().split("\n## ")[1:] if page.exists() else []
    found = dict(part.split("\n", 1) for part in parts)
    found[name] = section(name, text)
    page.write_text("\n## ".join([HEAD, *(f"{title}\n{found[title].rstrip()}\n" for title in sorted(found))]))


def section(name: str, text: str) -> str:
    """Return a section's text: what the benchmark is, then what it printed."""
    whole = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text())) or ""
    return "\n".join([whole, "", *(f"    {line}".rstrip() for line in text.strip().splitlines())])


def main(names: list[str]) -> None:
    """Run benchmarks and write the page."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.exit(f"expected names of benchmarks ({', '.join(NAMES)}), found {', '.join(unknown)}")
    for name in names or NAMES:
        print(f"{name} …", flush=True)
        ended = subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], stdout=subprocess.PIPE, text=True, check=False)
        print(ended.stdout, flush=True)
        if ended.returncode:
            sys.exit(f"{name} failed with {ended.returncode}; its section stays as it was")
        save(name, ended.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
