"""What a training reads, one kind of data a module.

A kind holds the batch, a dataclass of tensors, and the data that it is read from; ``opened(run, settings, files)``
makes the data of a training from the files of the workflow. Which files these are says the module of the same name in
:mod:`concord3d.workflow.training_inputs`.
"""
