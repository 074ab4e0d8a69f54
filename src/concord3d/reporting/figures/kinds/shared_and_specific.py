"""What encoders of one modality keep for a label, in a linear Gaussian model; no data (CMCR spec 3.8)."""

from __future__ import annotations

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import COLORS, GREY, Drawing, FigureContext, options_of, panels
from concord3d.statistics.shared_and_specific import (
    FloatArray,
    TwoModalities,
    agreement_encoder,
    decoupled_encoder,
    label_errors,
    mixed_encoder,
)

SHARES = 51


class Options(StrictModel):
    """Options of ``shared_and_specific``.

    Attributes:
        channels: Of each modality.
        shared: Factors that both modalities have.
        specific: Factors that each has alone.
        features: Of the encoders that are not bound to what is shared.
        reconstruction: Weight of reconstruction in the mixed objective, by the name of its curve.
        noise: Variance of the noise in each channel.
        models: Loadings are drawn so often; curves are means over them.
    """

    channels: PositiveInt = 24
    shared: PositiveInt = 4
    specific: PositiveInt = 12
    features: PositiveInt = 8
    reconstruction: dict[str, PositiveFloat] = Field(default_factory=dict)
    noise: PositiveFloat = 1.0
    models: PositiveInt = 50


def draw(context: FigureContext) -> Drawing:
    """Draw the error of the best linear reader of a label against the share of it that the sweep alone has."""
    options = options_of(context, Options)
    shares = np.linspace(0, 1, SHARES)
    totals = mean_errors(options, shares)
    figure, (axis,) = panels(1, 6.8, 4.4)
    for number, (name, errors) in enumerate(totals.items()):
        color, style = (GREY, "--") if number == len(totals) - 1 else (COLORS[number], "-")
        axis.plot(100 * shares, errors, style, color=color, linewidth=2, label=in_legend(name))
    axis.set(xlabel="share of the label that the sweep alone knows (%)", ylabel="squared error, 1 = knowing nothing")
    axis.set(xlim=(0, 100), ylim=(0, 1.03))
    axis.legend(loc="upper left")
    return Drawing(figure, ())


def mean_errors(options: Options, shares: FloatArray) -> dict[str, FloatArray]:
    """Return the (S,) errors of every curve at (S,) shares of the label, means over drawn loadings, the bound last."""
    totals: dict[str, FloatArray] = {}
    for seed in range(options.models):
        for name, errors in _errors(options, shares, np.random.default_rng(seed)).items():
            totals[name] = totals.get(name, np.zeros(len(shares))) + errors / options.models
    return totals


def _errors(options: Options, shares: FloatArray, draw: np.random.Generator) -> dict[str, FloatArray]:
    """Return the errors of every curve for one draw of loadings."""
    sizes = [options.shared, options.specific] * 2
    first, second, third, fourth = (draw.normal(size=(options.channels, size)) / np.sqrt(size) for size in sizes)
    model = TwoModalities(first, second, third, fourth, sweep_noise=options.noise, picture_noise=options.noise)
    # Every factor weighs the same.
    label = np.full(options.shared, options.shared**-0.5), np.full(options.specific, options.specific**-0.5)
    encoders = {"agreement alone": agreement_encoder(model, options.features)}
    for name, weight in options.reconstruction.items():
        encoders[name] = mixed_encoder(model, options.features, weight)
    decoupled = decoupled_encoder(model, options.shared, options.features - options.shared)
    encoders["shared and specific features"] = decoupled
    encoders["the sweep itself: no encoder does better"] = np.eye(options.channels)
    return {name: label_errors(model, encoder, shares, label) for name, encoder in encoders.items()}
