"""Cycles in a directed graph."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from shared.catalogue.unique import shown

_SHOWN_MAX = 8


def cycles(edges: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    """Yield cycles of the graph that share no nodes, enough that every other cycle shares a node with one of them.

    A cycle is its nodes in the direction of the edges, without repeating the first. Edges to nodes that are not keys
    are ignored. The depth-first search removes a cycle as soon as it closes, so it is linear in the number of edges.
    It keeps an explicit stack, because chains may be longer than Python's recursion limit.
    """
    finished: set[str] = set()
    for root in edges:
        trail = {} if root in finished else {root: iter(edges[root])}  # each node with its remaining edges
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


def cycle_path(cycle: Sequence[str]) -> str:
    """Return a cycle in words, back to its first node."""
    path = " -> ".join(map(shown, [*cycle[:_SHOWN_MAX], cycle[0]]))
    return f"{path} (and {len(cycle) - _SHOWN_MAX} more)" if len(cycle) > _SHOWN_MAX else path
