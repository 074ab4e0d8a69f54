"""What pyproject.toml promises: dependencies that cover the imports, and bounds that the lock file satisfies."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# PyTorch3D has no wheel that an extra could name; envs/pytorch3d.yaml is how it is installed.
WITHOUT_WHEEL = {"pytorch3d"}


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    """The table [project]."""
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


def _named(requirements: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(parsed.name): parsed for parsed in map(Requirement, requirements)}


def _bounds(project: dict[str, Any]) -> list[str]:
    """Every line of the dependencies and of the extras."""
    return [line for lines in (project["dependencies"], *project["optional-dependencies"].values()) for line in lines]


def _requirements_in(repository: Path) -> dict[str, Requirement]:
    lines = (repository / "envs/requirements.in").read_text().splitlines()
    return _named([line for line in lines if line and not line.startswith("#")])


def _locked(repository: Path, lock: str = "requirements.lock") -> dict[str, str]:
    text = (repository / "envs" / lock).read_text()
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s\\]+)", text, re.M)}


def _imported(path: Path) -> tuple[set[str], set[str]]:
    """Third-party modules that a file imports when it is imported itself, and those that it imports later."""
    at_import: set[str] = set()
    later: set[str] = set()

    def visit(node: ast.AST, inside: bool) -> None:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        modules = {name.split(".")[0] for name in names} - {"concord3d"} - set(sys.stdlib_module_names)
        (later if inside else at_import).update(modules)
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside or function)

    visit(ast.parse(path.read_text()), inside=False)
    return at_import, later


def _distributions(modules: set[str]) -> dict[str, set[str]]:
    known = packages_distributions()
    return {module: {canonicalize_name(name) for name in known.get(module, ())} for module in modules}


def test_imports_are_covered_by_the_dependencies_and_optional_ones_by_an_extra(
    repository: Path, project: dict[str, Any]
) -> None:
    at_import, later = (
        set().union(*modules)
        for modules in zip(*map(_imported, sorted((repository / "src/concord3d").rglob("*.py"))), strict=True)
    )
    # Only Snakemake itself imports its logger.
    later |= set().union(*_imported(repository / "src/snakemake_logger_plugin_concord3d/__init__.py"))
    core = set(_named(project["dependencies"]))
    extras = set(_named(_bounds(project))) - core
    uncovered = {module for module, names in _distributions(at_import).items() if not names & core}
    assert not uncovered, f"imported with the package, so they belong to 'dependencies': {uncovered}"
    uncovered = {module for module, names in _distributions(later).items() if not names & (core | extras)}
    assert uncovered == WITHOUT_WHEEL, f"imported at first use, so they belong to an extra: {uncovered}"
    served = set().union(*_distributions(at_import | later).values())
    assert not core - served, f"dependencies that nothing imports: {core - served}"


def test_the_lock_file_satisfies_every_bound(repository: Path, project: dict[str, Any]) -> None:
    locked = {**_locked(repository), **_locked(repository, "cluster.lock")}
    assert len(_locked(repository)) > 100
    for name, requirement in {**_named(_bounds(project)), **_requirements_in(repository)}.items():
        assert name in locked, f"{name}: make lock"
        assert requirement.specifier.contains(locked[name]), f"{requirement} but {locked[name]}: make lock"


def test_nothing_is_required_twice(repository: Path, project: dict[str, Any]) -> None:
    bounds = [canonicalize_name(Requirement(line).name) for line in _bounds(project)]
    assert len(bounds) == len(set(bounds))
    for name, requirement in _requirements_in(repository).items():
        if name in bounds:
            pinned = re.fullmatch(r"==[\d.]+(\.post\d+)?", str(requirement.specifier))
            assert pinned, f"{name}: pyproject.toml has it already"


def test_bounds_have_a_lower_end_and_no_pin(project: dict[str, Any]) -> None:
    for requirement in _named(_bounds(project)).values():
        assert {part.operator for part in requirement.specifier} == {">="}, requirement


def test_the_lock_is_made_from_both_files(repository: Path) -> None:
    sources = "--all-extras pyproject.toml envs/requirements.in"
    assert sources in (repository / "Makefile").read_text()
    assert sources in (repository / "envs/requirements.lock").read_text()


def test_what_is_overridden_is_not_locked_and_no_installation_asks_for_it(repository: Path) -> None:
    lines = (repository / "envs/overrides.txt").read_text().splitlines()
    left_out = _named([line for line in lines if not line.startswith("#")])
    assert set(left_out) == {"sentence-transformers"} and not set(left_out) & set(_locked(repository))
    for name in ("Makefile", "envs/requirements.lock"):
        assert "--override envs/overrides.txt" in (repository / name).read_text()
    # pip refuses a lock that lacks a declared dependency unless told not to look for any; uv pip sync never looks.
    for script in (repository / "envs").glob("*.post-deploy.sh"):
        assert "pip install --no-deps --require-hashes -r envs/requirements.lock" in script.read_text()
    assert "uv pip sync" in (repository / "envs/setup.sh").read_text()


def test_foreign_readers_have_an_environment_with_the_same_versions(repository: Path) -> None:
    foreign, own = _locked(repository, "parity.lock"), _locked(repository)
    assert "nuscenes-devkit" in foreign and "nuscenes-devkit" not in own
    assert len(set(foreign) & set(own)) > 10
    assert {name: version for name, version in foreign.items() if own.get(name, version) != version} == {}
    text = (repository / "envs/parity.lock").read_text()
    assert len(re.findall(r"^[\w.-]+==.+ \\$\n    --hash=sha256:", text, re.M)) == len(foreign)
    sources = "--override envs/parity_overrides.txt --constraint envs/requirements.lock envs/parity.in"
    for name in ("Makefile", "envs/parity.lock"):
        assert sources in (repository / name).read_text()


def test_the_plugin_of_a_cluster_is_in_no_environment_but_of_those_who_ask(
    repository: Path, project: dict[str, Any]
) -> None:
    cluster, everybodys = _locked(repository, "cluster.lock"), _locked(repository)
    (asked,) = _named(project["optional-dependencies"]["cluster"])
    assert asked in cluster and not [name for name in everybodys if name.startswith("snakemake-executor-plugin")]
    assert {name: version for name, version in cluster.items() if everybodys.get(name, version) != version} == {}
    missing = {name for name in set(cluster) - set(everybodys) if not name.startswith("snakemake-executor-plugin")}
    assert not missing, f"installed without their dependencies' dependencies: {missing}"
    assert "--constraint envs/requirements.lock envs/cluster.in" in (repository / "Makefile").read_text()


def test_licence_and_version_are_the_same_everywhere(repository: Path, project: dict[str, Any]) -> None:
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    assert project["license"] == citation["license"] == "MIT"
    assert [(repository / name).read_text().splitlines()[0] for name in project["license-files"]] == ["MIT License"]
    source = (repository / "src/concord3d/__init__.py").read_text()
    assert project["version"] == citation["version"] and f'__version__ = "{project["version"]}"' in source
