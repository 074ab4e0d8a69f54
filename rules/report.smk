"""Named targets: one per group of data, one per paper."""


rule data_all:
    input:
        [
            store(dataset, split)
            for study in STUDIES.values()
            for dataset in study.datasets()
            for split in ("train",)
        ],
