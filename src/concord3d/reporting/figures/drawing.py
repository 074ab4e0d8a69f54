"""One figure from its entry in the report file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from concord3d.reporting.figures.kinds.bars import draw_bars, draw_mutual_information, draw_seeds, draw_views_curve
from concord3d.reporting.figures.kinds.embedding import draw_embedding, draw_part_renders, draw_rerun_scatter
from concord3d.reporting.figures.kinds.mixed_clouds import draw_mixed_clouds
from concord3d.reporting.figures.kinds.retrieval_grid import draw_retrieval_grid
from concord3d.reporting.figures.kinds.sweeps import draw_metric_curves, draw_sweeps, draw_training_budget
from concord3d.reporting.figures.style import Drawing, FigureContext, house_style, save, stamp

DRAWINGS: dict[str, Callable[[FigureContext], Drawing]] = {
    "views_curve": draw_views_curve,
    "bars": draw_bars,
    "mutual_information": draw_mutual_information,
    "embedding": draw_embedding,
    "part_renders": draw_part_renders,
    "rerun_scatter": draw_rerun_scatter,
    "seeds": draw_seeds,
    "sweeps": draw_sweeps,
    "metric_curves": draw_metric_curves,
    "training_budget": draw_training_budget,
    "mixed_clouds": draw_mixed_clouds,
    "retrieval_grid": draw_retrieval_grid,
}


def write_figure(context: FigureContext, folder: Path) -> None:
    """Draw one figure, stamp it with scale and data kind, and write ``<id>.png`` and ``<id>.svg``."""
    with house_style():
        drawing = DRAWINGS[context.spec.kind](context)
        stamp(drawing, context)
        save(drawing, folder, context.spec.id)
