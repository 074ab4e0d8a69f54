"""The smoke graph with every node made of tiny files, for tests that ask what is stale without running Snakemake."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from concord3d.config import strict_yaml
from concord3d.config.resolve import load_params
from concord3d.workflow.job import NodeJob
from concord3d.workflow.plan import Plan
from concord3d.workflow.state import State

PARTS = ("src", "workflow_scripts", "papers", "config", "datasets")
SCALE = Path("config/scales/smoke.yaml")
POINT_SCALE = Path("papers/mm_point/scales/smoke.yaml")
MIXING_SCALE = Path("papers/mm_mixing/scales/smoke.yaml")
CATALOGUE = Path("datasets/datasets.yaml")
PAPERS = ("mm_point", "mm_mixing")
LOSS = Path("src/concord3d/losses/nt_xent.py")

Content = Mapping[Path, tuple[bytes, int]]


def copy_parts(repository: Path, target: Path, parts: Iterable[str] = PARTS) -> Path:
    """Copy the sources and the configuration, which is all that a plan and its state read."""
    for part in parts:
        shutil.copytree(repository / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text, which must be there."""
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1))


def ask_for(folder: Path, paper: str) -> list[str]:
    """Add a paper to those that ``params.yaml`` asks for, and return all of them."""
    asked = strict_yaml.load_yaml(folder / "params.yaml")["papers"]
    edit(folder / "params.yaml", f"papers: [{', '.join(asked)}]", f"papers: [{', '.join([*asked, paper])}]")
    return [*asked, paper]


def append(path: Path, text: str = "\nEDITED = 1\n") -> None:
    """Add to a file."""
    path.write_text(path.read_text() + text)


def smoke_plan(root: Path, **knobs: Any) -> Plan:
    """The plan of both papers at the smoke scale, the same on every machine."""
    content = {"scale": "smoke", "papers": list(PAPERS), "device": "cpu", "renderer": "open3d", **knobs}
    return Plan(root, load_params(content))


def asked(root: Path, **knobs: Any) -> dict[str, str]:
    """The identity that the files below ``root`` ask of every node."""
    return identities(smoke_plan(root, **knobs))


def identities(plan: Plan) -> dict[str, str]:
    """The identity that is asked of every node of a plan."""
    return {key: state.asked for key, state in State(plan).nodes.items()}


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """The nodes that only one of two plans has, or whose identities differ."""
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


def with_downstream(plan: Plan, keys: Iterable[str]) -> set[str]:
    """Some nodes and everything that is made from them."""
    found = set(keys)
    assert found <= set(plan.nodes)
    for node in plan.nodes.values():
        if found & set(node.upstream):
            found.add(node.key)
    return found


def make(plan: Plan, key: str, text: str = "", state: State | None = None) -> None:
    """Make one node of tiny files, as a job does; ``text`` makes their content another one."""
    node = plan.nodes[key]
    with NodeJob(plan.root, (state or State(plan)).payload(key)) as job:
        for output in node.outputs:
            names = [output] if output.suffix else [output / f"point/epoch_000{n}.safetensors" for n in (1, 2)]
            if node.stage == "raw":
                names.append(output.parent / "clouds.bin")
            for name in names:
                (plan.root / name).parent.mkdir(parents=True, exist_ok=True)
                (plan.root / name).write_text(f"{name} {text}\n")
            if node.stage == "raw":
                job.also([output.parent])


def files_below(root: Path) -> dict[Path, tuple[bytes, int]]:
    """Bytes and times of all files."""
    paths = (path for path in root.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def bring_back(root: Path, content: Content) -> None:
    """Make the files below ``root`` those of ``content``."""
    found = files_below(root)
    for path in found.keys() - content.keys():
        path.unlink()
    for path, (data, _) in content.items():
        if path not in found or found[path][0] != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


@cache
def _made_tree(repository: Path, root: Path) -> Content:
    copy_parts(repository, root)
    plan = smoke_plan(root)
    state = State(plan)
    for key in plan.nodes:
        make(plan, key, state=state)
    return files_below(root)


@contextmanager
def made_tree(repository: Path, folder: Path) -> Iterator[Path]:
    """Yield a copy of the repository in which every node of the smoke graph is current; edits of it are undone.

    Args:
        repository: The working tree.
        folder: A temporary folder; the copy is made once in it.
    """
    root = folder / "made tree"
    with remembered_yaml():
        content = _made_tree(repository, root)
        try:
            yield root
        finally:
            bring_back(root, content)


@cache
def _parsed(name: str, data: bytes, path: Path) -> dict[str, Any]:
    return _load(path)


_load: Callable[[Path], dict[str, Any]] = strict_yaml.load_yaml


@contextmanager
def remembered_yaml() -> Iterator[None]:
    """Parse a YAML file once per content: parsing is nearly all the time that a plan takes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("concord3d.") and getattr(module, "load_yaml", None) is _load:
                patch.setattr(module, "load_yaml", lambda path: deepcopy(_parsed(path.name, path.read_bytes(), path)))
        yield
