"""The pages for people: of a run and of a sweep, one file each, without network and without script, the verdict first."""

from engine.report.forms import QUALITY_COLUMNS, checks, figure
from engine.report.run import render
from engine.report.sweep import render_sweep

__all__ = ["QUALITY_COLUMNS", "checks", "figure", "render", "render_sweep"]
