"""What is documented of what users call from Python, page by page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ApiPage:
    """A page of the API.

    Attributes:
        file: Its name without suffix.
        title: What menus call it.
        about: What it is for.
        guides: Documents in ``docs/`` that show how it is used.
        addresses: What it documents, as ``module:name`` or ``module:*``.
        packages: Packages whose modules are looked up by name, each with what such a module defines and is called.
    """

    file: str
    title: str
    about: str
    guides: tuple[str, ...]
    addresses: tuple[str, ...]
    packages: tuple[tuple[str, str, str], ...] = ()


API = (
    ApiPage(
        "encoders",
        "Encoders",
        "Load a trained encoder by its name, embed clouds with it, and release encoders for others.",
        ("OWN_DATA",),
        (
            "concord3d.pretrained:load_encoder",
            "concord3d.pretrained:PretrainedEncoder",
            "concord3d.pretrained.own_module:load_own_module",
            "concord3d.pretrained.runs:RunName",
            "concord3d.pretrained.runs:runs_in",
            "concord3d.pretrained.release:write_release",
            "concord3d.pretrained.release:Release",
            "concord3d.models.factory:build_point_encoder",
            "concord3d.models.factory:load_point_encoder",
        ),
    ),
    ApiPage(
        "own_data",
        "Your own data",
        "Read meshes and clouds of your own, embed them, and measure an encoder on them by the papers' protocols.",
        ("OWN_DATA", "MESHES"),
        (
            "concord3d.own_data:read_own_data",
            "concord3d.own_data:Reading",
            "concord3d.own_data:OwnData",
            "concord3d.own_data:embed_data",
            "concord3d.own_data:evaluate_data",
            "concord3d.own_data:OwnEvaluation",
        ),
        (("concord3d.protocols", "PROTOCOL", "Protocols"),),
    ),
    ApiPage(
        "data",
        "Data sets",
        "Read a split of a data set of the catalogue from its official files, or a store that a run has made of it.",
        ("REPRODUCING", "MESHES"),
        (
            "concord3d.data.catalog:load_catalog",
            "concord3d.data.catalog:find_dataset",
            "concord3d.data.catalog:DatasetSpec",
            "concord3d.data.reading:read_split",
            "concord3d.data.reading:read_meshes",
            "concord3d.data.formats.mesh_files:read_mesh",
            "concord3d.data.formats.mesh_files:read_colored_mesh",
            "concord3d.data.stores:open_store",
            "concord3d.data.stores.objects:CloudSplit",
            "concord3d.data.stores.rooms:RoomBlocks",
            "concord3d.data.stores.scans:ScanSplit",
            "concord3d.data.stores.sweeps:SweepSplit",
        ),
        (("concord3d.data.readers", "READER", "Readers"),),
    ),
    ApiPage(
        "queries",
        "Queries",
        "Find scenes by a photo, a sentence, a cloud or a floorplan, and the query's objects in them.",
        ("QUERIES",),
        (
            "concord3d.queries.given_scene:of_photos",
            "concord3d.queries.given_scene:of_sentence",
            "concord3d.queries.given_scene:of_cloud",
            "concord3d.queries.given_scene:of_floorplan",
            "concord3d.queries.given_scene:GivenScene",
            "concord3d.queries.searched_scans:SearchFiles",
            "concord3d.queries.searched_scans:EncoderFiles",
            "concord3d.queries.searched_scans:SearchedScans",
            "concord3d.queries.searched_scans:StoredScene",
            "concord3d.queries.answers:Answer",
            "concord3d.queries.answers:FoundScene",
            "concord3d.queries.answers:FoundObject",
            "concord3d.queries.answers:write_pictures",
        ),
    ),
    ApiPage(
        "errors",
        "Errors",
        "What is raised. Each message says what happened, where, what was expected, what was found and what to do.",
        ("PITFALLS",),
        ("concord3d.errors:*", "concord3d.own_data.errors:*"),
    ),
)
