"""Seeds of a training: another one for each purpose, step and process, the same ones in every release."""

import random

import numpy as np
import torch

from concord3d.training.seeding import STREAMS, derived_generator, derived_seed, seed_everything, set_deterministic


def test_seeds_are_the_same_in_every_release() -> None:
    # Other numbers would be other trainings under the same configuration.
    assert STREAMS == {"order": 0, "views": 1, "augmentation": 2, "model": 3, "held_out": 4}
    assert derived_seed(1, "order") == 3_941_715_100_300_054_245
    assert derived_seed(7, "augmentation", 123, 1) == 496_457_914_346_715_088


def test_derived_seeds_differ_by_purpose_step_rank_and_seed() -> None:
    seeds = {
        derived_seed(seed, stream, step, rank)
        for seed in (0, 1)
        for stream in STREAMS
        for step in (0, 1, 1000)
        for rank in (0, 1)
    }
    assert len(seeds) == 60 and all(0 <= seed < 2**63 for seed in seeds)
    draws = [torch.rand(3, generator=derived_generator(0, "order", 7)) for _ in range(2)]
    assert torch.equal(draws[0], draws[1])


def test_seeding_reaches_all_three_generators() -> None:
    def draw() -> tuple[float, float, float]:
        seed_everything(5)
        return random.random(), float(np.random.mtrand._rand.random_sample()), torch.rand(1).item()

    assert draw() == draw()


def test_deterministic_algorithms_can_be_switched() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    try:
        set_deterministic(True)
        assert torch.are_deterministic_algorithms_enabled()
        set_deterministic(False)
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        set_deterministic(before)
