"""File formats that several readers share: HDF5, meshes and clouds, arrays of objects, texts."""
