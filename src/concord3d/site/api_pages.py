"""Pages of what is called from Python: the functions and classes that documents tell users of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from concord3d.site.api_names import API
from concord3d.site.api_objects import ApiObject, modules_by_name, read_api
from concord3d.site.guides import GUIDES
from concord3d.site.writer import PageWriter, words

# What Sphinx would make a link of, as `words` leaves it.
_ROLE = re.compile(r":\w+:<code>~?([\w.]+)</code>")


def write_api(writer: PageWriter) -> list[dict[str, Any]]:
    """Write the pages of the API.

    Returns:
        Their entries in the navigation.

    Raises:
        ConfigError: A name that is documented is not there, or has no docstring.
    """
    objects = {page.file: [found for address in page.addresses for found in read_api(address)] for page in API}
    links = _links(objects)

    def link(name: str) -> str:
        return _link(name, links)

    def prose(text: str) -> str:
        return _ROLE.sub(lambda match: link(match[1]), words(text.replace("``", "`")))

    common = {"prose": prose, "link": link, "anchor": anchor, "guides": GUIDES}
    writer.write("api/index.md", "api_index.md.j2", pages=API, objects=objects, **common)
    for page in API:
        tables = [(title, modules_by_name(package, attribute)) for package, attribute, title in page.packages]
        writer.write(f"api/{page.file}.md", "api.md.j2", page=page, objects=objects[page.file], tables=tables, **common)
    return [{"Overview": "api/index.md"}, *({page.title: f"api/{page.file}.md"} for page in API)]


def anchor(name: str) -> str:
    """Return the anchor of a documented name."""
    return name.lower().replace(".", "-")


def _links(objects: Mapping[str, list[ApiObject]]) -> dict[str, str]:
    """Return where each name is documented, by its full name and by its last part."""
    links: dict[str, str] = {}
    for file, found in objects.items():
        for each in (part for one in found for part in (one, *one.members)):
            place = f"{file}.html#{anchor(each.name)}"
            links |= {f"{each.module}.{each.name}": place, each.name: place}
    return links


def _link(name: str, links: Mapping[str, str]) -> str:
    """Return a name in code, as a link where it is documented."""
    parts = name.split(".")
    # A class is documented where users import it from, and named where it is defined.
    place = next((links[found] for found in (name, ".".join(parts[-2:]), parts[-1]) if found in links), None)
    shown = name if place is None else ".".join(parts[-2:] if parts[-2:-1] and parts[-2][:1].isupper() else parts[-1:])
    return f"<code>{shown}</code>" if place is None else f'<a href="{place}"><code>{shown}</code></a>'
