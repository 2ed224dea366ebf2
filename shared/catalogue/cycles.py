"""Cycles in a directed graph."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping


def cycles(edges: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    """Cycles of the graph, no two with a node in common, so many that every other cycle meets one of them.

    Each is given by its nodes in the direction of the edges, without repeating the first. Edges to nodes that are no
    keys lead nowhere. A depth-first walk that takes a cycle out as soon as it closes: linear in the number of edges.
    It keeps its own trail, because chains may be longer than Python's recursion allows.
    """
    finished: set[str] = set()
    for root in edges:
        trail = {} if root in finished else {root: iter(edges[root])}  # each node with the edges still to be walked
        while trail:
            node = next(reversed(trail))
            successor = next(trail[node], None)
            if successor is None:
                trail.popitem()
                finished.add(node)
            elif successor in trail:
                cycle: list[str] = []
                while successor in trail:
                    cycle.append(trail.popitem()[0])
                finished.update(cycle)
                yield tuple(reversed(cycle))
            elif successor in edges and successor not in finished:
                trail[successor] = iter(edges[successor])
