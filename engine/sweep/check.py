"""What is wrong with a sweep, told before anything runs."""

from engine import metrics
from engine.schema import micros
from engine.sweep.design import design
from engine.sweep.judge import folds
from engine.sweep.spec import Sweep


def check(sweep: Sweep) -> None:
    """Read every value of every parameter, and lay out the walk forward; no more than a trial is listed.

    Raises
    ------
    SpecError
        Where a parameter leads nowhere, or a value is none that its field takes.
    StatisticsError
        Where the windows of the walk forward are longer than the run.
    """
    design(sweep.model_copy(update={"design": "random", "trials": 1}))
    folds(sweep, metrics.period_of(micros(sweep.spec.end) - micros(sweep.spec.start)))
