"""`serve` and `worker`: the processes of a deployment; the box starts both by itself."""

from app.cli.options import example, group

app = group("")


@app.command(epilog=example("usdc-arb serve"))
def serve() -> None:
    """Serve the API, as the settings say (.env.example)."""
    from app.main import api

    api.serve()


@app.command(epilog=example("usdc-arb worker"))
def worker() -> None:
    """Compute queued runs until stopped.

    A run that is under way when the worker stops goes to another worker.
    """
    from app.main import worker

    worker.work()
