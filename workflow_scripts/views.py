"""Rule views: draw the views of a data set's objects, or of its clouds where it has no meshes."""

from pathlib import Path

from job import logged

with logged(snakemake.log[0]):
    from concord3d.data.catalog import load_catalog
    from concord3d.data.readers import read_meshes
    from concord3d.data.records import CloudSplit
    from concord3d.render.shards import render_cloud_views, render_mesh_views
    from concord3d.render.view_spec import POINTCLIP_V2, cloud_view_spec, mesh_view_spec

    view_set, pixels = snakemake.wildcards.view_set, int(snakemake.wildcards.pixels)
    clouds = CloudSplit.load(Path(snakemake.input.clouds))
    store, index = Path(snakemake.params.store), Path(snakemake.output[0])
    if view_set == POINTCLIP_V2:
        render_cloud_views(clouds.points, cloud_view_spec(view_set, pixels), store, index)
    else:
        spec = load_catalog(Path(snakemake.input.catalog))[snakemake.wildcards.dataset]
        meshes = read_meshes(spec, Path(snakemake.input.marker).parent)
        render_mesh_views(meshes, mesh_view_spec(view_set, pixels), store, index)
