"""What a training says on standard error while it runs."""

import re

import pytest

from concord3d.training import progress
from concord3d.training.progress import TrainingProgress


def test_a_log_says_the_step_the_loss_and_the_units_per_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with TrainingProgress(True, 2, 4, 8, "pairs") as shown:
        shown.show(3, 0.5)
        shown.show(4, 0.25)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"step 4/4  loss 0\.250  \d+\.\d pairs/s  0 s left", line)
    monkeypatch.setattr(progress, "LOG_EVERY_S", 0.0)
    with TrainingProgress(True, 0, 4, 8, "clouds") as shown:
        shown.show(1, 0.5)
    assert "step 1/4" in capsys.readouterr().err
    with TrainingProgress(False, 0, 4, 8, "clouds") as shown:
        shown.show(4, 0.5)
    assert capsys.readouterr().err == "" and shown.rate(4) > 0
