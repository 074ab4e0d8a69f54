"""The graph for readers has a box per kind of job and an arrow where one kind reads another."""

from types import SimpleNamespace

from concord3d.workflow.kind_graph import kind_graph
from concord3d.workflow.node import Node


def node(key: str, script: str, *makers: str) -> Node:
    entries = (f"workflow_scripts/{script}.py",) if script else ()
    return Node(key, "data", {}, entries, makers={"inputs": makers})


def test_nodes_of_a_kind_are_counted_and_arrows_between_kinds_drawn_once() -> None:
    nodes = [
        node("raw/real/a", ""),
        node("stores/a__train", "store", "raw/real/a"),
        node("p/train/x__s1", "train", "stores/a__train"),
        node("p/train/y__s1", "train", "stores/a__train", "p/train/x__s1"),
    ]
    plan = SimpleNamespace(nodes={node.key: node for node in nodes})
    assert kind_graph(plan).splitlines() == [
        "flowchart LR",
        '    obtain_dataset["obtain dataset<br>1 node"]',
        '    store["store<br>1 node"]',
        '    train["train<br>2 nodes"]',
        "    obtain_dataset --> store",
        "    store --> train",
    ]
