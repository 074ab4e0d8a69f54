"""The direction of dependencies, the weight of imports, and what the sources may not do."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from concord3d.config.strict_yaml import load_yaml
from concord3d.methods.settings import method_names
from concord3d.protocols.loading import protocol_names

# Packages each package may import; files at the root of the package (errors, files) are open to all.
ALLOWED = {
    "config": {"methods.settings"},
    "geometry": set(),
    "world": {
        "data.corruptions",
        "data.formats.mesh_files",
        "data.formats.mesh_parts",
        "data.nuscenes_splits",
        "data.scans.nyu40",
        "geometry",
    },
    "render": {"geometry"},
    "models": {"config", "geometry"},
    "losses": {"geometry"},
    "data": {"config", "geometry"},
    "statistics": set(),
    "measures": {"statistics"},
    "features": {"config.validation", "data", "geometry", "measures", "models", "render"},
    "batches": {"data", "features", "geometry", "methods.settings", "models.scan_encoder_forms", "render"},
    "methods": {"batches", "config", "features", "geometry", "losses", "models"},
    "training": {"batches", "config", "losses", "methods", "models"},
    "protocols": {
        "batches",
        "config",
        "data",
        "features",
        "geometry",
        "losses",
        "measures",
        "methods",
        "models",
        "statistics",
        "training",
    },
    "queries": {
        "batches",
        "data",
        "features",
        "geometry",
        "measures",
        "methods",
        "models.scan_encoder_forms",
        "protocols",
    },
    "provenance": {"config"},
    "pretrained": {"config", "data", "features", "methods", "models", "training", "workflow.records"},
    "own_data": {"config", "data", "features", "geometry", "pretrained", "protocols", "provenance"},
    "reporting": {"config", "statistics"},
    "workflow": {
        "config",
        "data.catalog",
        "data.manifest",
        "data.readers",
        "data.scans.options",
        "data.storage",
        "data.stores",
        "features.picture_strength",
        "features.scan_encoders",
        "features.tower_config",
        "methods.settings",
        "models.scan_encoder_forms",
        "protocols.interface",
        "protocols.loading",
        "provenance",
        "render.choice",
        "render.view_spec",
        "reporting.specs.output_files",
        "training.files",
        "training.settings",
        "world.datasets",
    },
    "console": {"workflow.costs", "workflow.node"},
    "site": {"config", "geometry", "reporting", "statistics", "world"},
    "commands": {
        "config",
        "data",
        "geometry.ray_casting",
        "methods.settings",
        "models",
        "own_data",
        "pretrained",
        "protocols.loading",
        "provenance",
        "queries",
        "render",
        "reporting",
        "site",
        "training.precision",
        "workflow",
    },
}
ROOT_MODULES = {"arrays", "cli", "errors", "files", "layout", "named_modules", "refusals"}


def _imports(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def _sources(repository: Path) -> list[Path]:
    return sorted((repository / "src" / "concord3d").rglob("*.py"))


def test_dependencies_point_one_way(repository: Path) -> None:
    package = repository / "src" / "concord3d"
    wrong = []
    for path in _sources(repository):
        parts = path.relative_to(package).parts
        if len(parts) == 1:
            continue
        for module in _imports(path):
            if not module.startswith("concord3d."):
                continue
            target = module.removeprefix("concord3d.")
            top = target.split(".")[0]
            allowed = ALLOWED[parts[0]] | {parts[0]} | ROOT_MODULES
            if top not in allowed and not any(target == a or target.startswith(f"{a}.") for a in allowed):
                wrong.append(f"{path.relative_to(package)} -> {module}")
    assert not wrong, wrong


def test_methods_never_import_each_other(repository: Path) -> None:
    methods = repository / "src" / "concord3d" / "methods"
    for name in method_names():
        others = tuple(f"concord3d.methods.{other}" for other in method_names() if other != name)
        files = sorted((methods / name).glob("*.py"))
        assert {"method.py", "settings.py"} <= {path.name for path in files}
        for path in files:
            wrong = [module for module in _imports(path) if any(f"{module}.".startswith(f"{o}.") for o in others)]
            assert not wrong, (path, wrong)


def test_sources_never_import_the_workflow_tools(repository: Path) -> None:
    for path in _sources(repository):
        assert not {module.split(".")[0] for module in _imports(path)} & {"snakemake", "dvc"}, path


def test_nothing_unpickles_or_reads_the_current_directory(repository: Path) -> None:
    for path in _sources(repository):
        text = path.read_text()
        for forbidden in ("import pickle", "allow_pickle=True", "weights_only=False", "Path.cwd(", "os.getcwd("):
            assert forbidden not in text, (path, forbidden)


HEAVY = ("torch", "open3d", "sklearn", "scipy", "matplotlib", "h5py", "trimesh", "pyarrow")


@pytest.mark.parametrize(
    "module",
    [
        "concord3d.cli",
        "concord3d.config.resolve",
        "concord3d.data.catalog",
        "concord3d.data.reading",
        "concord3d.world.build",
        "concord3d.world.datasets.modelnet",
    ],
)
def test_light_modules_import_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    completed = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert completed.stdout.strip() == "[]"


def test_all_jobs_are_planned_without_what_they_compute_with(repository: Path) -> None:
    # Imports settings of methods, encoders and protocols, readers, families of the world, and kinds of data.
    code = (
        "import sys; from pathlib import Path; from concord3d.config.resolve import load_params; "
        "from concord3d.workflow.plan import Plan; from concord3d.workflow.state import State; "
        "[State(Plan(Path(sys.argv[1]), load_params({'scale': scale, 'papers': sys.argv[2:]}))).plan.jobs "
        "for scale in ('smoke', 'demo', 'small', 'paper')]; "
        "print(*(m for m in ('torch', 'open3d', 'sklearn', 'matplotlib', 'h5py', 'trimesh', 'pyarrow') "
        "if m in sys.modules))"
    )
    papers = sorted(path.parent.name for path in (repository / "papers").glob("*/paper.yaml"))
    command = [sys.executable, "-c", code, str(repository), *papers]
    completed = subprocess.run(command, text=True, capture_output=True, check=True)
    assert completed.stdout.split() == []


def test_protocols_are_known_without_what_they_compute_with() -> None:
    code = (
        "import sys; from concord3d.protocols.loading import load_protocol, protocol_names; "
        "print([load_protocol(n).settings.__name__ for n in protocol_names()].count('Settings'), *("
        "m for m in ('torch', 'open3d', 'sklearn', 'matplotlib', 'scipy.stats', 'faiss', 'h5py') if m in sys.modules))"
    )
    completed = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert completed.stdout.split() == [str(len(protocol_names()))]


HEAVY_OF_REPORTS: dict[str, set[str]] = {
    "metrics": set(),
    "tables": {"scipy"},
    "verdicts": {"scipy"},
    "pages": {"scipy"},
}


@pytest.mark.parametrize("part", [*HEAVY_OF_REPORTS, "figures"])
def test_a_part_of_a_report_imports_what_it_uses(part: str) -> None:
    heavy = ("torch", "sklearn", "open3d", "matplotlib", "scipy")
    code = "import sys, concord3d.config.resolve, concord3d.reporting.evidence.report_inputs\n"
    code += f"import concord3d.reporting.report_part, concord3d.reporting.parts.{part}\n"
    code += f"print(*(name for name in {heavy} if name in sys.modules))"
    completed = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert set(completed.stdout.split()) <= HEAVY_OF_REPORTS.get(part, {"matplotlib", "scipy"})


def _imported_at_once(path: Path) -> set[str]:
    """Libraries that a module imports when it is itself imported."""
    tree = ast.parse(path.read_text())
    found = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    found += [node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    return {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"concord3d"}


def test_the_environment_of_pytorch3d_has_what_views_are_made_with(repository: Path) -> None:
    script = ast.parse((repository / "workflow_scripts" / "views.py").read_text())
    ours = [
        node for node in ast.walk(script) if isinstance(node, ast.ImportFrom) and "concord3d" in (node.module or "")
    ]
    lines = [ast.unparse(node) for node in ours]
    lines += ["import concord3d.render.pytorch3d_adapter, concord3d.render.points, sys"]
    lines += ["print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('concord3d.')), sep='\\n')"]
    completed = subprocess.run([sys.executable, "-c", "\n".join(lines)], text=True, capture_output=True, check=True)
    libraries = set().union(*(_imported_at_once(Path(name)) for name in completed.stdout.splitlines()))
    assert {"numpy", "torch", "pydantic"} <= libraries
    # What is imported at first use: readers of meshes and of arrays, and the renderer itself.
    libraries |= {"trimesh", "h5py", "pytorch3d"}
    packages = {"torch": "pytorch-gpu", "PIL": "pillow", "yaml": "pyyaml"}
    environment = load_yaml(repository / "envs" / "pytorch3d.yaml")["dependencies"]
    available = {entry.split(">")[0].split("=")[0] for entry in environment}
    assert {packages.get(name, name) for name in libraries} <= available
    assert not {name for name in available if "open3d" in name}


def test_workflow_scripts_stay_thin(repository: Path) -> None:
    for path in (repository / "workflow_scripts").glob("*.py"):
        assert len(path.read_text().splitlines()) < 60, path
