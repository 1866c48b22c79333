"""The machine that we run on, and the plan for it."""

from dataclasses import dataclass

from infra.sizing import BOX, GIB, Hardware, Plan, plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is, and how it is shared out."""

    hardware: Hardware
    plan: Plan


def machine() -> Machine:
    """Measure this machine and plan for it."""
    hardware = Hardware(cores=2, memory=24 * GIB, disk=100 * GIB)
    return Machine(hardware=hardware, plan=plan(hardware, BOX))
