"""Which sources count for a node, and which edits of them do."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workflow.graphs import append, copy_parts, edit

from concord3d.errors import ConfigError
from concord3d.workflow.parsed_sources import ParsedSources
from concord3d.workflow.sources import NUMBER_FREE, Sources, bytes_digest, is_number_free


def hashes_of(root: Path, entries: Iterable[str]) -> dict[str, str]:
    """What a look at the sources says now."""
    return Sources(root).hashes(entries)


SOURCES = Path(__file__).parents[2] / "src" / "concord3d"
# A training of MM-Point, as the plan names its sources.
TRAINING = (
    "workflow_scripts/train.py", "concord3d.batches.objects", "concord3d.methods.mm_point.settings",
    "concord3d.methods.mm_point.method", "concord3d.models.settings.pointnet", "concord3d.models.pointnet",
)  # fmt: skip
# Packages of which every module counts, but for tables of names and for progress.
COMPUTING = (
    "losses", "models", "methods", "geometry", "training", "protocols", "measures", "statistics", "features", "render",
    "world", "data",
)  # fmt: skip

MODULE = '''"""What it is for."""

import logging
from concord3d.other import thing

_log = logging.getLogger(__name__)
LIMIT = 3


class Pair:
    """Two numbers."""

    first: int = 1


def scaled(x, scale=2.0):
    """Return x, scaled."""
    # Why.
    _log.info("x is %s", x)
    if x > LIMIT:
        _log.warning("large")
        return thing(x)
    return x * scale + LIMIT
'''


def package(root: Path, **modules: str) -> Path:
    """A package ``concord3d`` of a few modules, and one script."""
    folder = root / "src" / "concord3d"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"__init__": "", **modules}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (root / "workflow_scripts").mkdir(exist_ok=True)
    (root / "workflow_scripts" / "work.py").write_text("from concord3d.loss import scaled\n")
    return root


def hash_of(root: Path, text: str) -> str:
    package(root, loss=text, other="def thing(x):\n    return x\n")
    return hashes_of(root, ["concord3d.loss"])["concord3d.loss"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for many small packages, one after the other."""
    return tmp_path_factory.mktemp("packages")


WORDS = {
    "docstring of the module": ("What it is for.", "Something else"),
    "docstring of a class": ("Two numbers.", "A pair."),
    "docstring of a function": ("Return x, scaled.", "Return it.\n\n    Args:\n        x: A number.\n    "),
    "no docstring": ('    """Return x, scaled."""\n', ""),
    "comment": ("# Why.", "# Because."),
    "no comment": ("    # Why.\n", ""),
    "message of the log": ('"x is %s", x', '"%s and %s", x, scale'),
    "level of the log": ("_log.info(", "_log.debug("),
    "no log": ('    _log.info("x is %s", x)\n', ""),
    "one more log": ("    return x * scale", '    logging.info("returned")\n    return x * scale'),
    "spaces": ("x * scale + LIMIT", "(x*scale)   +  LIMIT"),
    "lines": ("def scaled(x, scale=2.0):", "\n\ndef scaled(\n    x,\n    scale=2.0,\n):"),
    "quotes": ("def scaled(", "''''single'''\n\n\ndef scaled("),
}

BEHAVIOUR = {
    "constant": ("LIMIT = 3", "LIMIT = 4"),
    "type of a constant": ("LIMIT = 3", "LIMIT = 3.0"),
    "truth for a number": ("first: int = 1", "first: int = True"),
    "default": ("scale=2.0", "scale=2.5"),
    "no default": ("scale=2.0", "scale"),
    "operator": ("x * scale + LIMIT", "x * scale - LIMIT"),
    "grouping": ("x * scale + LIMIT", "x * (scale + LIMIT)"),
    "comparison": ("x > LIMIT", "x >= LIMIT"),
    "order": ("x * scale", "scale * x"),
    "what is called": ("return thing(x)", "return thing(-x)"),
    "import": ("from concord3d.other import thing", "from concord3d.other import nothing as thing"),
    "a text that is used": ("return thing(x)", 'return "thing"'),
    "a log that is kept": ('_log.info("x is %s", x)', 'said = _log.info("x is %s", x)'),
    "a call of something else": ('_log.info("x is %s", x)', 'x.info("x is %s", x)'),
    "one more statement": ("    return x * scale", "    x += 1\n    return x * scale"),
    "annotation": ("first: int = 1", "first: float = 1"),
    "unused": ("LIMIT = 3", "LIMIT = 3\nUNUSED = 1"),
}


@pytest.mark.parametrize("what", WORDS)
def test_words_and_form_change_no_hash(place: Path, what: str) -> None:
    old, new = WORDS[what]
    assert old in MODULE
    assert hash_of(place, MODULE.replace(old, new, 1)) == hash_of(place, MODULE)


@pytest.mark.parametrize("what", BEHAVIOUR)
def test_behaviour_changes_the_hash(place: Path, what: str) -> None:
    old, new = BEHAVIOUR[what]
    assert old in MODULE
    assert hash_of(place, MODULE.replace(old, new, 1)) != hash_of(place, MODULE)


_LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)


@given(words=_LINE, line=st.integers(0, MODULE.count("\n")), docstring=st.text(max_size=40))
def test_any_comment_and_any_docstring_changes_no_hash(place: Path, words: str, line: int, docstring: str) -> None:
    lines = MODULE.replace('"""What it is for."""', ascii(docstring)).splitlines()
    text = "\n".join([*lines[:line], f"# {words}", *lines[line:]]) + "\n"
    assert hash_of(place, text) == hash_of(place, MODULE)


_VALUES = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(max_size=9))


@given(first=_VALUES, second=_VALUES)
def test_two_constants_have_one_hash_where_they_are_one_value(place: Path, first: object, second: object) -> None:
    hashes = [hash_of(place, f"LIMIT = {value!a}\n") for value in (first, second)]
    assert (hashes[0] == hashes[1]) == (ascii(first) == ascii(second))


@settings(max_examples=25)
@given(name=st.sampled_from(sorted(path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py"))))
def test_a_source_that_is_laid_out_anew_has_its_hash(place: Path, name: str) -> None:
    text = (SOURCES / name).read_text()
    folder = package(place, loss=text)
    # Imports lead nowhere here, so each source stands for itself.
    before = hashes_of(folder, ["concord3d.loss"])["concord3d.loss"]
    package(place, loss=ast.unparse(ast.parse(text)))
    assert hashes_of(folder, ["concord3d.loss"])["concord3d.loss"] == before


INNER = {
    "import": "import concord3d.other\n",
    "import under another name": "import concord3d.other as o\n",
    "from a module": "from concord3d.other import thing\n",
    "from the package": "from concord3d import other\n",
    "in a function": "def f():\n    from concord3d.other import thing\n    return thing(1)\n",
    "in a branch": "if True:\n    try:\n        import concord3d.other\n    except ImportError:\n        pass\n",
    "through another module": "import concord3d.between\n",
}


@pytest.mark.parametrize("what", INNER)
def test_what_is_imported_counts_wherever_the_import_stands(tmp_path: Path, what: str) -> None:
    root = package(tmp_path, loss=INNER[what], between="def g():\n    import concord3d.other\n", other="LIMIT = 1\n")
    before = hashes_of(root, ["workflow_scripts/work.py"])
    assert {"concord3d.loss", "concord3d.other", "workflow_scripts/work.py"} <= before.keys()
    edit(root / "src/concord3d/other.py", "1", "2")
    after = hashes_of(root, ["workflow_scripts/work.py"])
    assert {name for name in before if before[name] != after[name]} == {"concord3d.other"}


def test_importing_a_module_runs_its_packages(tmp_path: Path) -> None:
    root = package(tmp_path, loss="import concord3d.inner.deep\n")
    inner = root / "src/concord3d/inner"
    inner.mkdir()
    for name in ("__init__", "deep", "beside"):
        (inner / f"{name}.py").write_text("LIMIT = 1\n")
    assert list(hashes_of(root, ["concord3d.loss"])) == [
        "concord3d.inner",
        "concord3d.inner.deep",
        "concord3d.loss",
    ]


def test_sources_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    root = package(tmp_path, loss="import concord3d.other\n", other="import concord3d.loss\n")
    assert list(hashes_of(root, ["concord3d.loss"])) == ["concord3d.loss", "concord3d.other"]


def test_the_order_of_entries_and_the_place_of_the_repository_do_not_count(tmp_path: Path) -> None:
    modules = {"loss": MODULE, "other": "def thing(x):\n    return x\n"}
    here, there = package(tmp_path / "here", **modules), package(tmp_path / "far away" / "there", **modules)
    entries = ["concord3d.other", "workflow_scripts/work.py"]
    assert hashes_of(here, entries) == hashes_of(there, reversed(entries))


@pytest.mark.parametrize("entry", ["concord3d.losses", "concord3d.loss.scaled", "workflow_scripts/none.py"])
def test_an_entry_that_is_not_there_is_named(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ConfigError) as caught:
        hashes_of(package(tmp_path, loss=""), ["concord3d.loss", entry])
    assert caught.value.found == entry and caught.value.where == tmp_path


def test_a_source_that_is_no_python_is_named(tmp_path: Path) -> None:
    root = package(tmp_path, loss="import concord3d.other\n", other="def f(:\n")
    with pytest.raises(ConfigError, match="no valid Python") as caught:
        hashes_of(root, ["concord3d.loss"])
    assert caught.value.where == root / "src/concord3d/other.py"
    (root / "src/concord3d/other.py").write_text("LIMIT = 1\n")
    assert "concord3d.other" in hashes_of(root, ["concord3d.loss"])


# The sources of this repository.


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources."""
    return copy_parts(repository, tmp_path_factory.mktemp("clone"), ("src", "workflow_scripts"))


@pytest.fixture
def copy(clone: Path) -> Iterator[Path]:
    """The copy, whose edits are undone."""
    texts = {path: path.read_text() for path in clone.rglob("*.py")}
    yield clone
    for path, text in texts.items():
        if path.read_text() != text:
            path.write_text(text)


def python_files(root: Path, name: str) -> list[Path]:
    path = root / name
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    assert files and all(file.is_file() for file in files)
    return files


OF_NO_TRAINING = (
    "src/concord3d/reporting", "src/concord3d/provenance", "src/concord3d/protocols", "src/concord3d/measures",
    "src/concord3d/statistics", "src/concord3d/config",
    "src/concord3d/workflow", "src/concord3d/commands", "src/concord3d/world", "src/concord3d/errors.py",
    "src/concord3d/files.py", "src/concord3d/cli.py", "src/concord3d/data/readers", "src/concord3d/data/formats",
    "src/concord3d/data/stores/rooms.py", "src/concord3d/data/stores/sweeps.py", "src/concord3d/training/progress.py",
    "src/concord3d/methods/clip", "src/concord3d/methods/mm_mixing", "src/concord3d/methods/supervised",
    "src/concord3d/batches/pictures.py", "src/concord3d/models/dgcnn.py", "src/concord3d/losses/mixed_info_nce.py",
    "src/concord3d/render/open3d_adapter.py", "src/concord3d/render/shards.py", "workflow_scripts/job.py",
    "workflow_scripts/evaluate.py",
)  # fmt: skip
OF_THE_TRAINING = (
    "src/concord3d/losses/nt_xent.py", "src/concord3d/methods/mm_point/method.py",
    "src/concord3d/methods/image_augment.py",
    "src/concord3d/models/pointnet.py", "src/concord3d/models/heads.py", "src/concord3d/models/image_resnet.py",
    "src/concord3d/models/factory.py", "src/concord3d/geometry/augment.py", "src/concord3d/training/loop.py",
    "src/concord3d/training/schedule.py", "src/concord3d/training/steps.py", "src/concord3d/training/__init__.py",
    "src/concord3d/batches/objects.py", "src/concord3d/methods/mm_point/settings.py",
    "src/concord3d/models/settings/pointnet.py",
    "src/concord3d/training/seeding.py", "src/concord3d/training/checkpoint.py", "src/concord3d/data/stores/objects.py",
    "src/concord3d/render/stored.py", "src/concord3d/arrays.py", "workflow_scripts/train.py",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_NO_TRAINING)
def test_a_training_does_not_depend_on(copy: Path, name: str) -> None:
    before = hashes_of(copy, TRAINING)
    for path in python_files(copy, name):
        append(path)
    assert hashes_of(copy, TRAINING) == before


@pytest.mark.parametrize("name", OF_THE_TRAINING)
def test_a_training_depends_on(copy: Path, name: str) -> None:
    before = hashes_of(copy, TRAINING)
    (path,) = python_files(copy, name)
    append(path)
    after = hashes_of(copy, TRAINING)
    module = name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    changed = {module if name.startswith("src/") else name}
    assert {key for key in after if after[key] != before[key]} == changed and after.keys() == before.keys()


def test_words_in_the_loss_change_nothing_and_its_numbers_do(copy: Path) -> None:
    before = hashes_of(copy, TRAINING)
    loss = copy / "src/concord3d/losses/nt_xent.py"
    edit(loss, '"""NT-Xent', '"""The loss NT-Xent')
    edit(loss, "# Dividing", "# Division")
    edit(loss, "def nt_xent(", "\n\ndef nt_xent(")
    assert hashes_of(copy, TRAINING) == before
    edit(loss, "(forward + backward) / 2", "(forward + backward) / 3")
    assert hashes_of(copy, TRAINING) != before


def test_a_copy_of_the_sources_has_their_hashes(clone: Path, repository: Path) -> None:
    assert hashes_of(clone, TRAINING) == hashes_of(repository, TRAINING)


# What is left out of every hash.


def modules(repository: Path) -> list[str]:
    paths = sorted((repository / "src").rglob("*.py"))
    return [
        ".".join(path.relative_to(repository / "src").with_suffix("").parts).removesuffix(".__init__") for path in paths
    ]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute, for others are not followed"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_list_of_what_is_left_out_is_short_and_names_what_exists(repository: Path) -> None:
    assert len(NUMBER_FREE) <= 9 and set(NUMBER_FREE) <= set(modules(repository))


def test_no_module_that_computes_is_left_out(repository: Path) -> None:
    left_out = {name for name in modules(repository) if name.split(".")[1:2] and name.split(".")[1] in COMPUTING}
    left_out = {name for name in left_out if is_number_free(name)}
    assert left_out == {"concord3d.training.progress"}


def test_names_that_begin_alike_are_not_left_out() -> None:
    assert is_number_free("concord3d.config.resolve") and is_number_free("concord3d.files")
    for name in ("concord3d.configuration", "concord3d.losses", "concord3d.files_of", "concord3d.training.progress_of"):
        assert not is_number_free(name)


def test_what_is_left_out_leads_to_nothing_that_computes(repository: Path) -> None:
    # The graph and its records are apart: they read checksums and layouts, and no entry computes through them.
    known = set(modules(repository))
    for name in known:
        if is_number_free(name) and not name.startswith("concord3d.workflow"):
            place = (repository / "src").joinpath(*name.split("."))
            path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            # What a method says of itself decides how its settings are resolved, and those stand in the recipe.
            leads_to = {module for module in imported(path) & known if not is_number_free(module)}
            assert leads_to <= {"concord3d.methods.settings"}, name


def test_only_few_modules_look_others_up_by_name(repository: Path) -> None:
    # A plan must name what these find (its nodes' entries do), for no import statement leads there.
    package = repository / "src" / "concord3d"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
        in ("import_module", "__import__", "exec", "run_path", "run_module")
    }
    assert found == {
        "commands/training_work.py", "data/stores/__init__.py", "methods/interface.py", "methods/settings.py",
        "models/factory.py", "named_modules.py", "pretrained/own_module.py", "training/opening.py",
        "features/scan_points.py", "queries/searched_scans.py",
        "world/datasets/__init__.py",
        "reporting/figures/arms.py", "reporting/figures/drawing.py",
        "reporting/report_part.py", "site/api_objects.py", "workflow/training_nodes.py",
    }  # fmt: skip


# What is remembered from call to call.


def test_what_is_known_of_a_source_is_read_again_and_follows_its_content(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes_of(copy, TRAINING)
    assert (copy / "work/sources.json").is_file()
    with monkeypatch.context() as patch:
        patch.setattr("concord3d.workflow.parsed_sources._parsed", lambda *_: pytest.fail("a source is parsed again"))
        assert hashes_of(copy, TRAINING) == before
    loss = copy / "src/concord3d/losses/nt_xent.py"
    append(loss)
    after = hashes_of(copy, TRAINING)
    assert {name for name in after if after[name] != before[name]} == {"concord3d.losses.nt_xent"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"reader": "another", "entries": {}}', '{"reader": 1}'])
def test_a_damaged_memory_costs_time_alone(copy: Path, content: str) -> None:
    before = hashes_of(copy, TRAINING)
    (copy / "work/sources.json").write_text(content)
    assert hashes_of(copy, TRAINING) == before


def test_another_reading_of_sources_forgets_what_an_earlier_one_knew(copy: Path) -> None:
    hashes_of(copy, TRAINING)
    memory = copy / "work/sources.json"
    path = copy / "src/concord3d/losses/nt_xent.py"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = json.loads(memory.read_text())
    known["entries"][digest][0] = "forged"
    memory.write_text(json.dumps({**known, "reader": "of another Python"}))
    assert hashes_of(copy, TRAINING)["concord3d.losses.nt_xent"] != "forged"
    assert ParsedSources(copy).of(path, path.read_bytes())[0] != "forged"


def test_both_digests_of_bytes_agree(copy: Path) -> None:
    names = [*TRAINING, "concord3d.nothing"]
    assert Sources(copy).bytes_digest(names) == bytes_digest(copy, names) != bytes_digest(copy, TRAINING)
