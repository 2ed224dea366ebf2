"""Every goal of a challenge is either in the pool of a draw or left out for one reason."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView, goal_status
from shared.domain.random_selection import Wish, draw
from shared.domain.schedules import DAILY
from shared.domain.selecting import Circumstances
from shared.domain.tally import Measures
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.strategies import KILLS

TAGS = ["pvp", "pve"]
wishes = st.builds(Wish, st.integers(1, 12), st.booleans(), st.sampled_from(["", *TAGS]))


@st.composite
def players_of_catalogues(draw_from: st.DrawFn) -> tuple[Catalogue, PlayerView]:
    """Draw a catalogue with one challenge, and a player of it."""
    goals: list[Goal] = []
    for number in range(draw_from(st.integers(1, 10))):
        drawn = goal(
            f"goal {number}",
            target=draw_from(st.integers(1, 4)),
            default_assigned=draw_from(st.booleans()),
            requires=tuple(draw_from(st.lists(st.sampled_from([each.id for each in goals]), unique=True, max_size=2)))
            if goals
            else (),
        )
        tags = tuple(draw_from(st.lists(st.sampled_from(TAGS), unique=True)))
        schedule = draw_from(st.sampled_from([drawn.schedule, DAILY]))
        goals.append(replace(drawn, suspended=draw_from(st.booleans()), tags=tags, schedule=schedule))
    ids = st.sampled_from([each.id for each in goals])
    view = PlayerView(
        {KILLS: TallyView(Measures(draw_from(st.integers(0, 5)), 1, None, 0))},
        draw_from(st.dictionaries(ids, st.booleans().map(lambda active: Assignment(active, None)))),
        draw_from(st.dictionaries(ids, st.builds(Completion, st.just(0), st.none() | st.just(1)))),
    )
    return catalogue_of(*goals), view


@given(players_of_catalogues(), wishes, st.binary(min_size=32, max_size=32))
def test_the_numbers_of_a_draw_add_up_to_the_challenge(
    player: tuple[Catalogue, PlayerView], wish: Wish, seed: bytes
) -> None:
    catalogue, view = player
    challenge = catalogue.challenge_by_id[CHALLENGE_ID]
    drawn = draw(challenge, wish, False, Circumstances(view), catalogue, 0, seed)
    assert drawn.pool_size + sum(drawn.left_out.values()) == len(challenge.goals)
    assert all(drawn.left_out.values())
    assert len(drawn.goals) == min(wish.number, drawn.pool_size)
    assert len({each.id for each in drawn.goals}) == len(drawn.goals)
    assert (drawn.empty_reason is None) == bool(drawn.goals)
    assert drawn == draw(challenge, wish, False, Circumstances(view), catalogue, 0, seed)


@given(players_of_catalogues(), wishes, st.binary(min_size=32, max_size=32))
def test_a_drawn_goal_can_be_worked_on(player: tuple[Catalogue, PlayerView], wish: Wish, seed: bytes) -> None:
    catalogue, view = player
    for each in draw(
        catalogue.challenge_by_id[CHALLENGE_ID], wish, False, Circumstances(view), catalogue, 0, seed
    ).goals:
        status = goal_status(each, view, catalogue)
        assert not status.completed
        assert not status.locked
        assert not each.suspended
        assert not (wish.exclude_active and status.active)
        assert wish.tag in ("", *each.tags)
        assert view.period_of(each) is not None
        chosen = view._replace(assignments={**view.assignments, each.id: Assignment(True, 0)})
        assert not goal_status(each, chosen, catalogue).completed


def test_goals_are_drawn_by_their_weights() -> None:
    goals = [
        replace(goal(f"goal {number}", default_assigned=False), weight=weight) for number, weight in enumerate([1, 9])
    ]
    catalogue = catalogue_of(*goals)
    challenge, view = catalogue.challenge_by_id[CHALLENGE_ID], PlayerView({}, {}, {})
    first = [
        draw(challenge, Wish(1), False, Circumstances(view), catalogue, 0, bytes([seed] * 32)).goals[0].weight
        for seed in range(200)
    ]
    assert 160 <= first.count(9) <= 196
