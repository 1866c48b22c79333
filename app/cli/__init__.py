"""The command line `usdc-arb`: each command is its options, a sentence, an example, and a call into the library.

Commands import what they need when they run, so that help costs no more than the options of it.
"""

from app.cli.root import main

__all__ = ["main"]
