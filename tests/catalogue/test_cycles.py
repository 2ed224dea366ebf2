"""Search for cycles in a graph."""

from __future__ import annotations

import graphlib

from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue.cycles import cycles
from tests.support.unstalled_clock import unstalled_s

graphs = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefgh"), unique=True))


def has_cycle(edges: dict[str, list[str]]) -> bool:
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError:
        return True
    return False


@given(graphs)
def test_reported_cycles_are_cycles_and_share_no_nodes(edges: dict[str, list[str]]) -> None:
    found = list(cycles(edges))
    for cycle in found:
        assert all(there in edges[here] for here, there in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    nodes = [node for cycle in found for node in cycle]
    assert len(nodes) == len(set(nodes))


@given(graphs)
def test_removing_the_reported_cycles_leaves_no_cycle(edges: dict[str, list[str]]) -> None:
    reported = {node for cycle in cycles(edges) for node in cycle}
    assert bool(reported) == has_cycle(edges)
    left = {node: [to for to in ends if to not in reported] for node, ends in edges.items() if node not in reported}
    assert not has_cycle(left)


def test_long_chains_are_searched_quickly_without_recursion() -> None:
    chain = {str(n): [str(m) for m in range(n - 1, n + 32)] for n in range(10_000)}
    started = unstalled_s()
    assert sum(len(cycle) for cycle in cycles(chain)) == 10_000
    assert [len(cycle) for cycle in cycles({str(n): [str((n + 1) % 10_000)] for n in range(10_000)})] == [10_000]
    assert unstalled_s() - started < 5
