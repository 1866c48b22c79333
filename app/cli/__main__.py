"""`python -m app.cli`: the same as the command `usdc-arb`."""

from app.cli.root import main

if __name__ == "__main__":
    main()
