"""Picture encoders that several nodes of one job begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.methods.cross_most.pairs import TOWER, WIDTH, tower_training
from torch import nn

from concord3d.methods.cross_most import picture_encoders
from concord3d.methods.cross_most.picture_encoders import of_trained_tower, unfilled
from concord3d.models.weights import save_tensors


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is built or opened; nothing is kept from before."""
    found: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        make = getattr(picture_encoders, name)

        def made(*told: Any) -> Any:
            found.append(name)
            return make(*told)

        return made

    for name in ("new_token_encoder", "open_token_encoder"):
        monkeypatch.setattr(picture_encoders, name, counted(name))
    monkeypatch.setattr(picture_encoders, "_opened", {})
    picture_encoders._new.cache_clear()
    return found


def values(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_equal(network: nn.Module, expected: dict[str, torch.Tensor]) -> None:
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())


def test_a_tower_is_opened_once_and_what_one_training_does_to_it_no_other_sees(
    built: list[str], tmp_path: Path
) -> None:
    weights = tower_training(tmp_path).weights["pictures"]
    first = of_trained_tower(TOWER, weights)
    before = values(first.network)
    with torch.no_grad():
        for parameter in first.network.parameters():
            parameter.requires_grad_(False).zero_()
    second = of_trained_tower(TOWER, weights)
    assert_equal(second.network, before)
    assert all(parameter.requires_grad for parameter in second.network.parameters())
    assert second.built_from == first.built_from and built == ["open_token_encoder"]


def test_weights_that_are_written_anew_are_read_anew(built: list[str], tmp_path: Path) -> None:
    weights = tower_training(tmp_path).weights["pictures"]
    before = values(of_trained_tower(TOWER, weights).network)
    save_tensors({name: value + 1 for name, value in load_file(weights).items()}, weights)
    after = values(of_trained_tower(TOWER, weights).network)
    assert len(built) == 2
    assert torch.equal(after["class_token"], before["class_token"] + 1)


def test_a_module_that_waits_for_weights_shares_nothing_with_the_next(built: list[str]) -> None:
    first, second = unfilled(TOWER, WIDTH), unfilled(dict(TOWER), WIDTH)
    pointers = [{value.data_ptr() for value in network.state_dict().values()} for network in (first, second)]
    assert not pointers[0] & pointers[1] and built == ["new_token_encoder"]
    assert first.state_dict().keys() == second.state_dict().keys()
