"""Pages of the API show what users call, as the sources have it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from tests.site.html_pages import read_page

from concord3d.errors import ConfigError
from concord3d.pretrained import PretrainedEncoder, load_encoder
from concord3d.site.api_names import API
from concord3d.site.api_objects import modules_by_name, read_api


def test_a_signature_has_the_names_the_annotations_and_the_defaults_of_the_source() -> None:
    (found,) = read_api("concord3d.pretrained:load_encoder")
    assert [line.strip(" ,") for line in found.signature.splitlines()] == [
        "load_encoder(",
        "name: str",
        "root: Path | str = '.'",
        "release: str | None = None",
        "sha256: str | None = None",
        ") -> PretrainedEncoder",
    ]
    assert found.summary == inspect.getdoc(load_encoder).split("\n")[0]


def test_a_class_has_its_public_members_alone_in_the_order_of_its_source() -> None:
    (found,) = read_api("concord3d.pretrained:PretrainedEncoder")
    public = [name for name in vars(PretrainedEncoder) if not name.startswith("_") and name not in ("__doc__",)]
    members = [member.name.partition(".")[2] for member in found.members]
    assert members == [name for name in public if callable(getattr(PretrainedEncoder, name)) or name in members]
    assert "embed" in members and {member.kind for member in found.members} == {"method", "property"}
    embed = next(member for member in found.members if member.name.endswith(".embed"))
    assert "self" not in embed.signature and embed.signature.endswith(") -> NDArray[np.float32]")


def test_keywords_are_marked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(first: int, *, second: str = "a long default that asks for its own lines", third: bool = False) -> None:
        """Ask."""

    monkeypatch.setattr("concord3d.pretrained.ask", ask, raising=False)
    (found,) = read_api("concord3d.pretrained:ask")
    lines = [line.strip() for line in found.signature.splitlines()]
    assert lines[1:3] == ["first: int,", "*,"] and lines.count("*,") == 1 and lines[-1] == ") -> None"


@pytest.mark.parametrize("address", ["concord3d.pretrained:load_encodr", "concord3d.pretraned:load_encoder"])
def test_a_name_that_is_not_there_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="API names"):
        read_api(address)


def test_a_name_without_a_docstring_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("concord3d.pretrained.mute", lambda: None, raising=False)
    with pytest.raises(ConfigError, match="no docstring"):
        read_api("concord3d.pretrained:mute")


def test_every_reader_is_listed() -> None:
    from concord3d.data.readers import reader_names

    listed = modules_by_name("concord3d.data.readers", "READER")
    assert tuple(name for name, _ in listed) == reader_names() and all(said for _, said in listed)


def test_every_documented_name_has_its_heading_and_its_import(site: Path) -> None:
    for page in API:
        shown = read_page(site / f"api/{page.file}.html")
        for found in (one for address in page.addresses for one in read_api(address)):
            assert found.name.lower() in shown.ids
            assert f"from {found.module} import {found.name}" in shown.text
            for member in found.members:
                assert member.name.lower().replace(".", "-") in shown.ids


def test_pages_hold_no_markup_of_docstrings(site: Path) -> None:
    for page in sorted(site.glob("api/*.html")):
        assert not re.findall(r":(?:func|class|meth|mod|attr):|``", read_page(page).text), page


def test_what_the_guides_import_is_documented(repository: Path) -> None:
    documented = {found.name for page in API for address in page.addresses for found in read_api(address)}
    imported = [
        name.strip()
        for guide in ("OWN_DATA", "QUERIES")
        for names in re.findall(r"^from concord3d\S* import (.+)$", (repository / f"docs/{guide}.md").read_text(), re.M)
        for name in names.split(",")
    ]
    assert len(imported) > 5 and set(imported) <= documented
