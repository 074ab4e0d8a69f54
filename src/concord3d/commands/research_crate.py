"""What a release says of itself as an RO-Crate: workflow, papers, software, and each result with its checksum.

The form is RO-Crate 1.1 with the profiles Workflow RO-Crate 1.0 and Workflow Run Crate 0.5.
"""

from __future__ import annotations

import json
import mimetypes
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import DependencyMissing
from concord3d.files import sha256_file
from concord3d.layout import PARAMS

# Of the library, which is imported at its first use.
Entity = Any
Crate = Any

CRATE = "ro-crate-metadata.json"
CITATION = "CITATION.cff"
WORKFLOW = "Snakefile"
LOCK = "envs/requirements.lock"
PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
_BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
# Formats of result files that Python's table of them lacks.
_FORMATS = {".md": "text/markdown", ".bib": "application/x-bibtex", ".npz": "application/zip", ".tex": "text/x-tex"}


def crate_text(root: Path, results: Sequence[str]) -> str:
    """Return ``ro-crate-metadata.json`` of the repository.

    Args:
        root: The repository.
        results: Result files that the release holds, relative to the repository: ``results/<scale>/<paper>/...``, and
            files above that are of no paper.

    Raises:
        DependencyMissing: The library is not installed.
        UnreadableFile: A file that is described is not there.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError as error:
        raise DependencyMissing(
            "The library that writes RO-Crates is not installed",
            found=error,
            next_step="make setup, or in the clone: pip install '.[release]'; then the command again",
        ) from error
    citation = load_yaml(root / CITATION)
    crate = ROCrate(version="1.1")
    # RO-Crate 1.1 has no word for checksums; this is that of Workflow Run Crate.
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    articles = _describe(crate, citation)
    workflow = _workflow(crate, root)
    in_folders = [name for name in results if len(PurePosixPath(name).parts) > 3]
    for name in sorted(set(results) - set(in_folders)):
        _add_file(crate, root, name)
    for folder in sorted({str(PurePosixPath(*PurePosixPath(name).parts[:3])) for name in in_folders}):
        parts = [name for name in results if name.startswith(f"{folder}/")]
        _add_results(crate, root, workflow, folder, parts, articles)
    return json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n"


def _describe(crate: Crate, citation: Mapping[str, Any]) -> dict[str, Entity]:
    """Write what the citation says of the whole; return the papers by title."""
    licence = f"https://spdx.org/licenses/{citation['license']}"
    articles = {paper["title"]: _article(crate, paper) for paper in citation["references"]}
    conforms = [_add(crate, at, ["CreativeWork"], name=name, version=version) for at, name, version in PROFILES]
    told = {
        "name": citation["title"],
        "description": citation["abstract"],
        # Not the day on which the release is made: the same commit gives the same bytes.
        "datePublished": str(citation["date-released"]),
        "version": citation["version"],
        "keywords": list(citation["keywords"]),
        "license": _add(crate, licence, "CreativeWork", name=f"{citation['license']} License", url=licence),
        "author": _alone([_agent(crate, author) for author in citation["authors"]]),
        "citation": list(articles.values()),
        "conformsTo": conforms,
    }
    told["publisher"] = told["author"]
    for key, value in told.items():
        crate.root_dataset[key] = value
    return articles


def _article(crate: Crate, paper: Mapping[str, Any]) -> Entity:
    return _add(
        crate,
        f"#article-{_word(paper['title'])}",
        "ScholarlyArticle",
        name=paper["title"],
        author=_alone([_agent(crate, author) for author in paper["authors"]]),
        datePublished=str(paper["year"]),
        publisher=_add(crate, f"#venue-{_word(_venue(paper))}", "Organization", name=_venue(paper)),
    )


def _venue(paper: Mapping[str, Any]) -> str:
    return str(paper.get("collection-title") or paper["journal"])


def _agent(crate: Crate, author: Mapping[str, Any]) -> Entity:
    """Return a person, or the group that the citation names."""
    if "name" in author:
        return _add(crate, f"#{_word(author['name'])}", "Organization", name=author["name"])
    name = f"{author['given-names']} {author['family-names']}"
    given, family = author["given-names"], author["family-names"]
    return _add(crate, f"#{_word(name)}", "Person", name=name, givenName=given, familyName=family)


def _workflow(crate: Crate, root: Path) -> Entity:
    """Write the workflow with what it is run with; the versions are those of the lock file."""
    text = (root / LOCK).read_text(encoding="utf-8")
    versions = dict(re.findall(r"^([\w.-]+)==([^\s\\]+)", text, re.M))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    direct = sorted({_package(line) for lines in (project["dependencies"], *extras) for line in lines} & {*versions})
    workflow: Entity = crate.add_workflow(
        root / WORKFLOW, WORKFLOW, main=True, lang="snakemake", lang_version=versions["snakemake"]
    )
    told = {key: crate.root_dataset[key] for key in ("name", "version", "license")}
    profile = _add(crate, _BIOSCHEMAS, "CreativeWork", name="ComputationalWorkflow", version="1.0-RELEASE")
    told |= {"author": _alone(crate.root_dataset["author"]), "conformsTo": profile, "encodingFormat": "text/plain"}
    told |= {"sha256": sha256_file(root / WORKFLOW), "contentSize": str((root / WORKFLOW).stat().st_size)}
    for key, value in told.items():
        workflow[key] = value
    workflow["softwareRequirements"] = [_software(crate, name, versions[name]) for name in direct]
    for name in (PARAMS, "README.md", CITATION, "LICENSE", LOCK):
        if (root / name).is_file():
            _add_file(crate, root, str(name))
    if (root / "README.md").is_file():
        crate.dereference("README.md")["about"] = crate.root_dataset
    return workflow


def _software(crate: Crate, name: str, version: str) -> Entity:
    # A package URL names a package whatever index it comes from.
    at = f"pkg:pypi/{name}@{version}"
    return _add(crate, at, "SoftwareApplication", name=name, version=version, url=at)


def _package(requirement: str) -> str:
    """Return the package that a line of requirements names, as lock files spell it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def _add_results(
    crate: Crate, root: Path, workflow: Entity, folder: str, files: Sequence[str], articles: Mapping[str, Entity]
) -> None:
    """Write the results of one paper at one scale, and the run of the workflow that made them."""
    _, scale, paper = PurePosixPath(folder).parts
    own = root / "papers" / paper / "paper.yaml"
    title = load_yaml(own)["title"] if own.is_file() else "the encoders of all papers"
    made = crate.add_dataset(
        root / folder, folder, properties={"name": f"Results of {title} at the scale {scale}", "description": _ABOUT}
    )
    made["hasPart"] = [_add_file(crate, root, name) for name in files]
    if title in articles:
        made["about"] = articles[title]
    asked = [f"papers/{paper}/paper.yaml", f"papers/{paper}/scales/{scale}.yaml", f"config/scales/{scale}.yaml"]
    used = [_add_file(crate, root, name) for name in asked if (root / name).is_file()]
    name = f"Run of the workflow for {title} at the scale {scale}"
    told = {"name": name, "description": _RUN, "agent": _alone(crate.root_dataset["author"]), "actionStatus": _DONE}
    # Result files hold no dates, so the action has no time.
    run = crate.add_action(workflow, f"#run-{scale}-{paper}", object=_alone(used), result=made, properties=told)
    crate.root_dataset.append_to("mentions", run)


_DONE = "http://schema.org/CompletedActionStatus"
_RUN = "Snakemake made the data, trained, evaluated and reported; provenance/ has the record of each training."
_ABOUT = (
    "Every number with its interval, tables, figures, verdicts on claims, and outcomes of test items. The files of "
    "provenance/ say of each training which commit, configuration, inputs, versions and device it had."
)


def _add_file(crate: Crate, root: Path, name: str) -> Entity:
    """Write a file with its checksum, once."""
    known = crate.dereference(name)
    if known is not None:
        return known
    path = root / name
    kind = _FORMATS.get(path.suffix) or mimetypes.guess_type(path.name, strict=False)[0] or "text/plain"
    told = {"name": name, "encodingFormat": kind, "contentSize": str(path.stat().st_size), "sha256": sha256_file(path)}
    added: Entity = crate.add_file(path, name, properties=told)
    return added


def _add(crate: Crate, at: str, kind: str | Sequence[str], **told: Any) -> Entity:
    """Write something that is no file, once."""
    from rocrate.model.contextentity import ContextEntity

    known = crate.dereference(at)
    if known is not None:
        return known
    return crate.add(ContextEntity(crate, at, properties={"@type": kind, **told}))


def _alone(found: Sequence[Entity] | Entity) -> Sequence[Entity] | Entity:
    """Return a list of one as that one, as the form wants it."""
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _word(text: str) -> str:
    """Return text as a part of an address."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")
