"""One job of the workflow: its inputs are checked, and what it made is recorded, or nothing is.

A job removes its node's record before it works and writes it as its last act, so a job that ends early in any way
leaves a node without a record, which is made again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from concord3d.data.manifest import MANIFEST, verify_files
from concord3d.data.storage import locked
from concord3d.errors import ArtifactDamaged, ArtifactStale
from concord3d.files import content_hash
from concord3d.layout import WORK
from concord3d.workflow.keep import KEPT, keep_files, take_back_files
from concord3d.workflow.records import (
    content_of,
    damaged_files,
    file_entries,
    indexed_files,
    read_record,
    repair_command,
    require_intact,
    versions,
    write_record,
)
from concord3d.workflow.sources import Sources, bytes_digest


class NodeJob:
    """The making of one node; use it as a context.

    Args:
        root: The repository.
        payload: See :meth:`concord3d.workflow.state.State.payload`.

    Attributes:
        key: The node.
        files: What it reads, by name, relative to ``root``.
        outputs: Files and folders that it makes, relative to ``root``.
        params: What its script is told beside the recipe.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Threads that its tensors use.
    """

    def __init__(self, root: Path, payload: Mapping[str, Any]) -> None:
        self._root, self._payload = root, payload
        self.key = str(payload["node"])
        self.files = {name: [Path(path) for path in paths] for name, paths in payload["files"].items()}
        self.outputs = [Path(path) for path in payload["outputs"]]
        self.params: Mapping[str, Any] = payload["params"]
        self.device = str(payload["device"])
        self.threads = int(payload["threads"])
        self._record = Path(payload["record"])
        self._also: list[Path] = []
        # A job of a run that was killed may still be at work.
        self._lock = locked(root / WORK / "nodes" / content_hash(self.key)[:24])
        self._inputs: dict[str, dict[str, str]] = {}

    @property
    def record(self) -> Path:
        """The record that it leaves, relative to the repository."""
        return self._record

    @property
    def command(self) -> str:
        """The command that makes the whole graph, as it was asked for."""
        return str(self._payload["command"])

    @property
    def remake_command(self) -> str:
        """The command that makes this node alone once more; the record is what says that it is there."""
        return f"rm '{self._record}' && {self.command} -- '{self._record}'"

    def named_files(self) -> dict[str, Path]:
        """Return every file that it reads by a name that says what it is, for the record of a run."""
        return {
            name if len(paths) == 1 else f"{name}_{number}": path
            for name, paths in self.files.items()
            for number, path in enumerate(paths, start=1)
        }

    @property
    def work(self) -> Path:
        """Folder of this node for checkpoints in progress, relative to the repository."""
        return WORK / self.key

    @property
    def identity(self) -> str:
        """The identity of all that this node is made of."""
        return str(self._payload["identity"])

    def store_of(self, store: str, *packages: str) -> Path:
        """Return the folder in a store of shards for what the present sources of some packages make.

        Shards are kept by their content, so those that other sources made lie elsewhere.

        Args:
            store: The store.
            packages: Packages that compute what the shards hold; none stands for shards that are taken over from the
                inputs.
        """
        modules = self._payload["ingredients"]["modules"]
        made_by: Any = {name: value for name, value in modules.items() if name.startswith(packages)}
        if not packages:
            made_by = self._inputs
        return Path(store) / content_hash(made_by)[:16]

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The settings that change the node's numbers."""
        recipe: Mapping[str, Any] = self._payload["ingredients"]["recipe"]
        return recipe

    @property
    def accepted(self) -> Mapping[str, Any]:
        """Edits of sources that were accepted upstream, by node."""
        accepted: Mapping[str, Any] = self._payload["ingredients"].get("accepted", {})
        return accepted

    def also_shards(self, index: Path) -> None:
        """Add the shards that an index of views or features lists."""
        self.also(indexed_files(index))

    def also(self, paths: Iterable[Path]) -> None:
        """Add files that the job left beside its declared outputs, such as the shards of an index."""
        self._also += paths

    def is_current(self) -> bool:
        """Whether what the node leaves is there already, whole and made of what is asked."""
        record = read_record(self._root / self._record)
        identities = (self.identity, self._payload["accepted_identity"])
        if record is None or record["node"] != self.key or record["identity"] not in identities:
            return False
        for key, entry in self._payload["inputs"].items():
            made = read_record(self._root / entry["record"])
            if made is None or record["inputs"].get(key, {}).get("content") != content_of(made):
                return False
        return not damaged_files(self._root, record, "use")

    def keep(self) -> None:
        """Keep what the node has left under names of its own, for the workflow tool removes what a job declares.

        It does so before a job starts and after one that fails, with what is finished and what is not.
        """
        keep_files(self._root, self._record, self._kept)

    def take_back(self) -> None:
        """Put what was kept back in its place."""
        take_back_files(self._root, self._kept)

    def forget(self) -> None:
        """Remove what was kept and checkpoints in progress."""
        shutil.rmtree(self._root / self.work, ignore_errors=True)
        shutil.rmtree(self._root / self._kept, ignore_errors=True)

    @property
    def _kept(self) -> Path:
        return KEPT / self.key

    def __enter__(self) -> NodeJob:
        self._lock.__enter__()
        try:
            self._require_sources()
            (self._root / self._record).unlink(missing_ok=True)
            for key, entry in self._payload["inputs"].items():
                self._inputs[key] = self._checked(key, entry)
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: Any) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            self._lock.__exit__(None, None, None)

    def _checked(self, key: str, entry: Mapping[str, Any]) -> dict[str, str]:
        """Check an input against its record; return the identity and the content of what is there.

        Raises:
            ArtifactDamaged: It has no record, or a file is absent or has other bytes.
            ArtifactStale: It was made of something else than this job expects.
        """
        path = Path(entry["record"])
        record = read_record(self._root / path)
        if record is None:
            raise ArtifactDamaged(
                f"Node '{key}' has files but no record",
                where=path,
                next_step="run the same command again: it is made anew",
            )
        if record["identity"] not in entry["identities"]:
            raise ArtifactStale(
                f"Node '{key}' was made of something else than this job expects",
                where=path,
                expected=entry["identities"],
                found=record["identity"],
                next_step=repair_command(path),
            )
        require_intact(self._root, path, record)
        for name in record["files"]:
            if name.endswith(f"/{MANIFEST}"):
                # Real data: the record holds their manifest, and that holds the files.
                verify_files((self._root / name).parent)
        return {"identity": record["identity"], "content": content_of(record)}

    def _require_sources(self) -> None:
        """Refuse to begin with other sources than the graph was built with.

        Later edits do no harm: what a job computes with is imported when it begins.

        Raises:
            ArtifactStale: A source was edited while the workflow ran.
        """
        modules = self._payload["ingredients"]["modules"]
        if bytes_digest(self._root, modules) == self._payload["bytes"]:
            return
        now = Sources(self._root).hashes(self._payload["entries"])
        changed = sorted(name for name in {*now, *modules} if now.get(name) != modules.get(name))
        if changed:
            raise ArtifactStale(
                f"Sources of node '{self.key}' were edited while the workflow ran",
                where=", ".join(changed[:5]),
                next_step="run the same command again: it is made with the present sources",
            )

    def _write(self) -> None:
        write_record(
            self._root / self._record,
            {
                "node": self.key,
                "identity": self.identity,
                "ingredients": self._payload["ingredients"],
                "inputs": self._inputs,
                "files": file_entries(self._root, [*self.outputs, *self._also]),
                "versions": versions(),
                "accepted": [],
            },
        )
