"""A release is the commit and nothing else, and its metadata say what the citation says."""

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from concord3d.commands.release import CHECKSUMS, ZENODO, make_release, zenodo_text
from concord3d.commands.research_crate import CRATE
from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConfigError

FILES = (
    ".gitignore",
    "CITATION.cff",
    "LICENSE",
    "README.md",
    "Snakefile",
    "params.yaml",
    "pyproject.toml",
    "envs/requirements.lock",
    "papers/mm_point/paper.yaml",
)


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    root.mkdir()
    results = [
        "results/README.md",
        *(f"results/small/mm_point/{name}" for name in ("metrics.csv", "figures/f4_views.png")),
    ]
    for name in (*FILES, *results):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((repository / name).read_bytes())
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_the_archive_holds_the_commit_and_the_checksums_are_of_its_bytes(clone: Path, tmp_path: Path) -> None:
    (clone / "logs").mkdir()
    (clone / "logs/ignored.log").write_text("not part of the commit")
    files = make_release(clone, tmp_path / "out", "appendix")
    archive = tmp_path / "out/concord3d-0.1.0.tar.gz"
    with tarfile.open(archive) as content:
        names = {name for name in content.getnames() if not content.getmember(name).isdir()}
    tracked = subprocess.run(["git", "ls-files"], cwd=clone, text=True, capture_output=True, check=True).stdout.split()
    assert names == {f"concord3d-0.1.0/{name}" for name in (*tracked, CRATE)} and set(FILES) < set(tracked)
    listed = dict(line.split("  ")[::-1] for line in (tmp_path / "out" / CHECKSUMS).read_text().splitlines())
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files[:-1]}
    again = make_release(clone, tmp_path / "again", "appendix")
    assert again[0].read_bytes() == archive.read_bytes(), "the same commit gives the same bytes"


def test_the_crate_describes_workflow_papers_software_and_every_result(clone: Path, tmp_path: Path) -> None:
    make_release(clone, tmp_path / "out", "appendix")
    written = json.loads((tmp_path / "out" / CRATE).read_text())
    graph = written["@graph"]
    # A word that no context defines is lost to whoever reads the crate as linked data.
    assert "sha256" in written["@context"][1]
    by_id = {entity["@id"]: entity for entity in graph}
    assert len(by_id) == len(graph)
    root, workflow = by_id["./"], by_id["Snakefile"]
    assert root["mainEntity"] == {"@id": "Snakefile"} and root["datePublished"] == "2026-11-29"
    assert "ComputationalWorkflow" in workflow["@type"]
    titles = {by_id[each["@id"]]["name"] for each in root["citation"]}
    assert titles == {paper["title"] for paper in load_yaml(clone / "CITATION.cff")["references"]} and len(titles) == 5
    lock = (clone / "envs/requirements.lock").read_text()
    software = [by_id[each["@id"]] for each in workflow["softwareRequirements"]]
    assert {"torch", "snakemake", "dvc", "rocrate"} <= {each["name"] for each in software}
    assert all(f"\n{each['name']}=={each['version']} " in lock for each in software)
    (run,) = (entity for entity in graph if entity["@type"] == "CreateAction")
    results = by_id[run["result"]["@id"]]
    assert run["instrument"] == {"@id": "Snakefile"} and results["@id"] == "results/small/mm_point/"
    assert by_id[results["about"]["@id"]]["name"].startswith("MM-Point")
    files = [by_id[each["@id"]] for each in results["hasPart"]]
    assert {each["@id"].rpartition("/")[2] for each in files} == {"metrics.csv", "f4_views.png"}
    for each in (*files, by_id["results/README.md"]):
        assert each["sha256"] == hashlib.sha256((clone / each["@id"]).read_bytes()).hexdigest()
        assert int(each["contentSize"]) == (clone / each["@id"]).stat().st_size


def test_what_is_described_is_in_the_graph(clone: Path, tmp_path: Path) -> None:
    make_release(clone, tmp_path / "out", "appendix")
    graph = json.loads((tmp_path / "out" / CRATE).read_text())["@graph"]
    known = {entity["@id"] for entity in graph}
    values = [value for entity in graph for value in entity.values()]
    named = [each for value in values for each in (value if isinstance(value, list) else [value])]
    links = {each["@id"] for each in named if isinstance(each, dict)}
    # The specification, and what the library says of Snakemake, stand for themselves.
    assert {link for link in links - known if not link.startswith("https://")} == set()


def test_what_is_not_committed_is_refused(clone: Path, tmp_path: Path) -> None:
    (clone / "LICENSE").write_text("changed")
    with pytest.raises(ConfigError, match="no commit holds"):
        make_release(clone, tmp_path / "out", "appendix")


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="git"):
        make_release(tmp_path, tmp_path / "out", "appendix")


def test_zenodo_is_told_what_the_citation_says(repository: Path) -> None:
    text = (repository / ZENODO).read_text()
    assert text == zenodo_text(repository), "write .zenodo.json anew from CITATION.cff"
    told = json.loads(text)
    assert len(told["references"]) == 5 and told["license"] == "MIT"
