"""Names of methods without the data set."""

from concord3d.reporting.tables.detectable import DetectableEffect, effects_in_words
from concord3d.reporting.tables.method_names import without_datasets


def test_methods_that_the_data_set_alone_tells_apart_share_a_name() -> None:
    found = without_datasets({"baseline, A": ["a"], "baseline, B": ["b", "b"], "ours, longer": ["a"], "ours": ["b"]})
    assert found == {
        "baseline, A": "baseline",
        "baseline, B": "baseline",
        "ours, longer": "ours, longer",
        "ours": "ours",
    }


def test_methods_of_one_data_set_keep_their_names() -> None:
    names = {"baseline, short": ["a"], "baseline, long": ["a", "b"]}
    assert without_datasets(names) == {name: name for name in names}


def test_smallest_effects_of_one_baseline_stand_in_one_sentence() -> None:
    effects = [DetectableEffect(name, name, "%", 3.0, True) for name in ("a", "b")]
    text = effects_in_words(effects, {"a": "baseline, the first", "b": "baseline, the second"}, str.upper)
    assert text.count("Smallest effect") == 1 and '"baseline"' in text and "3.0 points on A; 3.0 points on B" in text
