"""Building a synthetic data set in the on-disk layout of a real one.

Each item has its own source of randomness, derived from the recipe's seed and the item's identity, so that the bytes do
not depend on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from concord3d.errors import DatasetMissing
from concord3d.files import remove_orphans, temporary_folder, write_json
from concord3d.world.datasets import find_family
from concord3d.world.datasets.interface import WorldRecipe


def build_dataset(recipe: WorldRecipe, out: Path, workers: int = 1, folders: Mapping[str, Path] | None = None) -> None:
    """Write a synthetic data set in the layout of the real one, and ``world.json`` with the recipe as the last file.

    Args:
        recipe: What to build.
        out: Folder of this data set alone; an earlier one in it is replaced when the new one is complete.
        workers: Processes; the bytes are the same for any number.
        folders: Where the other data sets lie that the recipe draws on, by their names.

    Raises:
        ConfigError: The recipe is impossible.
        DatasetMissing: It draws on a data set whose folder is not given.
        DiskFull: The disk has no room.
    """
    family = find_family(recipe.dataset).with_folders(folders or {})
    layout = family.layouts[recipe.dataset]
    recipe.validated(layout)
    for name in family.foreign(recipe):
        if name not in family.folders:
            raise DatasetMissing(
                f"'{recipe.dataset}' is made of '{name}'", where=out, expected=f"the folder of '{name}'"
            )
    items = [item for split in layout.splits if split in recipe.splits for item in family.items(recipe, split)]
    with _staged(out) as staging:
        make = partial(family.make, recipe, staging)
        if workers <= 1:
            made = [make(item) for item in items]
        else:
            # Forked, because a spawned process would run the caller's main script again.
            context = multiprocessing.get_context("fork")
            with ProcessPoolExecutor(workers, mp_context=context) as pool:
                made = list(pool.map(make, items, chunksize=max(1, min(16, len(items) // (4 * workers)))))
        family.write(recipe, staging, items, made)
    counts = {split: sum(item.count for item in items if item.split == split) for split in recipe.splits}
    told = {"recipe": recipe.told(), "shapes": counts, "data_kind": "synthetic"}
    foreign = family.told_foreign(recipe)
    write_json(out / "world.json", {**told, **({"foreign": foreign} if foreign else {})})


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Yield a temporary folder in ``out``; on success its entries replace those of the same name, at one sync's cost.

    Syncing each of thousands of small mesh files took longer than making them.
    """
    remove_orphans(out)
    with temporary_folder(out) as staging:
        yield staging
        os.sync()
        (out / "world.json").unlink(missing_ok=True)
        for entry in sorted(staging.iterdir()):
            if (out / entry.name).is_dir():
                shutil.rmtree(out / entry.name)
            entry.replace(out / entry.name)
