"""Which files a training reads, one kind of data a module; :mod:`concord3d.batches` opens them in the job."""
