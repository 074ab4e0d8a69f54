"""The documents name files, names and rules that exist, and show the packages as the tests allow them.

``python -m tests.test_documents`` writes the picture and the table of packages in docs/ARCHITECTURE.md, the graph and
the verdicts in README.md, and the parts of ``tests/generated_documents.py``, anew.
"""

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from tests.generated_documents import GENERATED
from tests.generated_documents import up_to_date as with_generated
from tests.test_architecture import ALLOWED
from tests.workflow.clones import tracked_files

from concord3d.config.resolve import load_params
from concord3d.config.strict_yaml import load_yaml
from concord3d.layout import STAGES, report_yaml
from concord3d.reporting.pages.bottom_line import is_about_print, judged_on_measurements
from concord3d.workflow.kind_graph import kind_graph
from concord3d.workflow.plan import Plan

ARCHITECTURE = Path("docs/ARCHITECTURE.md")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md")
# Made by runs, and therefore not in a fresh clone.
MADE_BY_RUNS = {"artifacts", "reference", "data", "work", "logs", "benchmarks-out"}
ROOMS = re.compile(r"(<!-- rooms: .*? -->\n).*?(<!-- end of rooms -->)", re.S)
VERDICTS = re.compile(r"(<!-- verdicts -->\n).*?(<!-- end of verdicts -->)", re.S)
GRAPH = re.compile(r"(<!-- graph -->\n).*?(<!-- end of graph -->)", re.S)
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \|.*\|$", re.M)


def documents(repository: Path) -> list[Path]:
    """Return the documents for readers."""
    return sorted(path for pattern in DOCUMENTS for path in repository.glob(pattern))


def _named_paths(text: str, top_level: set[str]) -> set[str]:
    """Words in code that lead into the repository: their first part is a file or folder at its root."""
    code = re.findall(r"^```.*?^```|`[^`\n]+`", text, re.M | re.S)
    words = {word.strip("`.,:;()'\"") for span in code for word in span.split()}
    return {word for word in words if word.split("/")[0] in top_level and ("/" in word or "." in word)}


def test_named_paths_and_links_exist(repository: Path) -> None:
    tracked = tracked_files(repository)
    top_level = {name.split("/")[0] for name in tracked} | MADE_BY_RUNS
    missing = []
    for document in documents(repository):
        text = document.read_text()
        for path in _named_paths(text, top_level):
            pattern = re.sub(r"<[^>]*>", "*", path).rstrip("/")
            if path.split("/")[0] not in MADE_BY_RUNS and not any(repository.glob(pattern)):
                missing.append(f"{document.name}: {path}")
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in link and not (document.parent / link).exists():
                missing.append(f"{document.name}: {link}")
    assert not missing, missing


def test_a_path_that_does_not_exist_is_found() -> None:
    text = "See `src/concord3d/nowhere.py`, `python docs/x.py` and `params`.\n```sh\nls rules/none.smk\n```\n"
    assert _named_paths(text, {"src", "docs", "rules", "params.yaml"}) == {
        "src/concord3d/nowhere.py",
        "docs/x.py",
        "rules/none.smk",
    }


def test_named_names_stand_in_the_named_files(repository: Path) -> None:
    found = [
        (document.name, name, path)
        for document in documents(repository)
        for name, path in re.findall(r"`(\w+)`(?: in |\s*\()`([\w/]+\.py)`", document.read_text())
    ]
    assert len(found) > 10
    wrong = [entry for entry in found if not re.search(rf"\b{entry[1]}\b", (repository / entry[2]).read_text())]
    assert not wrong, wrong


def test_examples_of_the_readme_run(repository: Path) -> None:
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", (repository / "README.md").read_text(), re.M | re.S)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert tuple(names["features"].shape) == (2, 2048)


def _jobs_of_all_scales(repository: Path) -> set[str]:
    """Names of the jobs whose rules are generated from the plan, at any scale."""
    papers = sorted(path.parent.name for path in (repository / "papers").glob("*/paper.yaml"))
    scales = sorted(path.stem for path in (repository / "config/scales").glob("*.yaml"))
    rules = "".join(path.read_text() for path in (repository / "rules").glob("*.smk"))
    generated = {*re.findall(r'PLAN\.jobs_of\("(\w+)"\)', rules), *re.findall(r'PLAN\.jobs\[f"(\w+)_{', rules)}
    assert len(generated) == 4
    plans = [Plan(repository, load_params({"scale": scale, "papers": papers})) for scale in scales]
    return {job.name for plan in plans for job in plan.jobs.values() if job.nodes[0].script in generated}


def test_architecture_names_every_rule(repository: Path) -> None:
    text = (repository / ARCHITECTURE).read_text()
    road = text[text.index("## The road") : text.index("## Jobs of several nodes")]
    named = {re.sub(r"<\w+>", "*", name) for name in re.findall(r"`((?:<paper>|[a-z])[\w<>]*)`", road)}
    patterns = {name for name in named if "*" in name}
    sources = [path.read_text() for path in (repository / "Snakefile", *(repository / "rules").glob("*.smk"))]
    written_out = {name for source in sources for name in re.findall(r"^\s*rule (\w+):", source, re.M)}
    assert named - patterns == written_out | {f"{stage}_all" for stage in STAGES}
    jobs = _jobs_of_all_scales(repository) | {"mm_point_all"}
    assert not [job for job in jobs if not any(fnmatch(job, pattern) for pattern in patterns)]
    assert not [pattern for pattern in patterns if not any(fnmatch(job, pattern) for job in jobs)]


def _reaches(package: str, target: str) -> bool:
    whole = {name for name in ALLOWED[package] if "." not in name}
    return target in whole or any(_reaches(name, target) for name in whole)


def rooms_picture() -> str:
    """The packages as a Mermaid flow chart, without arrows that a longer way implies."""
    lines = ["```mermaid", "flowchart TD"]
    for package, allowed in reversed(ALLOWED.items()):
        whole = sorted(name for name in allowed if "." not in name)
        lines += [
            f"    {package} --> {name}"
            for name in whole
            if not any(_reaches(other, name) for other in whole if other != name)
        ]
        parts: dict[str, list[str]] = {}
        for name in sorted(allowed - set(whole)):
            parts.setdefault(name.split(".")[0], []).append(name.split(".", 1)[1])
        lines += [f'    {package} -. "{", ".join(modules)}" .-> {name}' for name, modules in parts.items()]
    return "\n".join([*lines, "```"])


def up_to_date(text: str) -> str:
    """Return the page with the picture, and the last column of the table, as ``ALLOWED`` has them."""
    text = ROOMS.sub(lambda match: f"{match[1]}\n{rooms_picture()}\n\n{match[2]}", text)

    def row(match: re.Match[str]) -> str:
        if match[1] not in ALLOWED:
            return match[0]
        allowed = ", ".join(f"`{name}`" for name in sorted(ALLOWED[match[1]])) or "none"
        return f"| `{match[1]}` | {match[2]} | {allowed} |"

    return ROW.sub(row, text)


def with_graph(text: str, root: Path) -> str:
    """Return the page with the graph of the default scale as it is planned."""
    drawn = kind_graph(Plan(root, load_params(load_yaml(root / "params.yaml"))))
    return GRAPH.sub(lambda match: f"{match[1]}\n```mermaid\n{drawn}\n```\n\n{match[2]}", text)


def verdict_table(root: Path) -> str:
    """The verdicts of the committed results, paper by paper, as a table of Markdown."""
    columns = ["paper", "claims", "`demo`: generated data", "`small`: below the paper's setting"]
    rows = [columns, ["---"] * len(columns)]
    for study in Plan(root, load_params(load_yaml(root / "params.yaml"))).studies.values():
        num_claims = len(load_yaml(root / report_yaml(study.paper.paper))["claims"])
        cells = [_verdicts(root, scale, study.paper.paper) for scale in ("demo", "small")]
        rows.append([f"{study.paper.short_name} ({study.paper.venue})", str(num_claims), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _verdicts(root: Path, scale: str, paper: str) -> str:
    path = root / "results" / scale / paper / "claims.json"
    if not path.is_file():
        return "not run"
    claims = json.loads(path.read_text())
    verdicts = [claim["verdict"] for claim in judged_on_measurements(claims)]
    words = {"holds": "hold", "fails": "fail", "undecided": "undecided"}
    counts = ", ".join(f"{verdicts.count(verdict)} {word}" for verdict, word in words.items())
    about_print = sum(is_about_print(claim) for claim in claims)
    counts += f", {len(claims) - len(verdicts) - about_print} not judged"
    return f"[{counts}](results/{scale}/{paper}/README.md)"


def with_verdicts(text: str, root: Path) -> str:
    """Return the page with the verdicts as the committed results have them."""
    return VERDICTS.sub(lambda match: f"{match[1]}\n{verdict_table(root)}\n\n{match[2]}", text)


def test_the_readme_shows_the_verdicts_of_the_committed_results(repository: Path) -> None:
    text = (repository / "README.md").read_text()
    assert "| MM-Point" in text and with_verdicts(text, repository) == text, "python -m tests.test_documents"


def test_the_readme_shows_the_graph_as_it_is_planned(repository: Path) -> None:
    text = (repository / "README.md").read_text()
    assert "flowchart" in text and with_graph(text, repository) == text, "python -m tests.test_documents"


def test_architecture_shows_the_packages_as_they_are_allowed(repository: Path) -> None:
    text = (repository / ARCHITECTURE).read_text()
    assert up_to_date(text) == text, "python -m tests.test_documents"
    rooms = text[text.index("## The rooms") :]
    assert [match[1] for match in ROW.finditer(rooms)] == list(ALLOWED), "one row per package, in the order of ALLOWED"
    packages = {path.parent.name for path in (repository / "src/concord3d").glob("*/__init__.py")}
    assert packages == set(ALLOWED)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_parts_are_those_of_the_sources(repository: Path, name: str) -> None:
    text = (repository / name).read_text()
    assert with_generated(text, GENERATED[name], repository) == text, "python -m tests.test_documents"


@pytest.mark.parametrize("package", ALLOWED)
def test_no_package_imports_itself_in_a_circle(package: str) -> None:
    assert not _reaches(package, package)


if __name__ == "__main__":
    page = Path(__file__).parents[1] / ARCHITECTURE
    page.write_text(up_to_date(page.read_text()))
    for document, parts in GENERATED.items():
        generated = Path(__file__).parents[1] / document
        generated.write_text(with_generated(generated.read_text(), parts, Path(__file__).parents[1]))
    readme = Path(__file__).parents[1] / "README.md"
    readme.write_text(with_verdicts(with_graph(readme.read_text(), readme.parent), readme.parent))
