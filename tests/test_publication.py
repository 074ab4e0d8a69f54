"""What catalogues, containers and readers of the configuration are told agrees with the repository."""

import re
from pathlib import Path

from concord3d.config.models import Params
from concord3d.config.strict_yaml import load_yaml
from concord3d.geometry.ray_casting import SYSTEM_PACKAGES, install_line


def test_the_catalogue_of_workflows_is_told_what_is_there(repository: Path) -> None:
    usage = load_yaml(repository / ".snakemake-workflow-catalog.yml")["usage"]
    deployment = usage["software-stack-deployment"]
    rules = "".join(path.read_text() for path in (repository / "rules").glob("*.smk"))
    assert deployment["conda"] == ("conda:" in rules) and deployment["apptainer"] == ("container:" in rules)
    assert usage["report"] == ("report(" in rules)
    assert usage["mandatory-flags"]["flags"] in (repository / "README.md").read_text()
    assert (repository / "Snakefile").is_file() and (repository / "config/README.md").is_file()


def test_the_page_of_the_configuration_names_every_knob_with_its_default_and_every_folder(repository: Path) -> None:
    text = (repository / "config/README.md").read_text()
    rows = {name: rest for name, rest in re.findall(r"^\| `(\w+)` \|(.*)$", text, re.M)}
    assert set(rows) == set(Params.model_fields)
    stated = load_yaml(repository / "params.yaml")
    for name, row in rows.items():
        default = {None: "null", str(stated["papers"]): "all five"}.get(
            stated[name] and str(stated[name]), f"`{stated[name]}`"
        )
        assert default in row, name
    assert len(stated["papers"]) == 5
    folders = {path.name for path in (repository / "config").iterdir() if path.is_dir()}
    assert set(re.findall(r"^\| `config/(\w+)/` \|", text, re.M)) == folders


def test_the_container_installs_what_the_doctor_asks_for_and_makes_the_locked_environment(repository: Path) -> None:
    text = (repository / "envs/Containerfile").read_text()
    libraries = set(install_line().partition("install -y ")[2].split())
    setup = (repository / "envs/system_libraries.sh").read_text()
    assert libraries == set(SYSTEM_PACKAGES.values()) == set(re.findall(r"\.so\.\d:([\w.-]+)", setup))
    assert " ".join(SYSTEM_PACKAGES.values()) in (repository / "docs/REPRODUCING.md").read_text()
    installed = set(re.search(r"--no-install-recommends (.+?) \\", text)[1].split())
    assert installed == libraries | {"git", "make"}
    assert re.search(r"^FROM \S+/python:3\.11-", text, re.M) and "RUN make setup" in text
    # The setup needs the sources, DVC's folder and the checks of the path: whatever it reads is there.
    assert text.index("COPY . .") < text.index("RUN make setup")
    ignored = (repository / ".containerignore").read_text().split()
    kept_out = (repository / ".gitignore").read_text().replace("/", "").split()
    assert not [name for name in ignored if name not in kept_out]
