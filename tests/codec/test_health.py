"""Health: the figures are right for uses that can be worked out by hand, and the words follow the stated limits."""

from __future__ import annotations

import json

import pytest
import torch

from distill_live.codec.health import UsageCounter, code_health


def test_even_use_of_all_codes_is_perfect() -> None:
    (health,) = code_health(torch.arange(64).repeat(3)[:, None], ["Structure"], 64)
    assert health.utilisation_percent == 100.0
    assert health.perplexity == pytest.approx(64.0)
    assert (health.dead_codes, health.word, health.warning) == (0, "green", "")


@pytest.mark.parametrize(("used", "word"), [(64, "green"), (39, "green"), (38, "yellow"), (20, "yellow"), (19, "red")])
def test_the_words_change_at_sixty_and_thirty_percent(used: int, word: str) -> None:
    (health,) = code_health(torch.arange(used).repeat(5)[:, None], ["Timbre"], 64)
    assert health.utilisation_word == word
    assert health.dead_codes == 64 - used
    assert (health.warning != "") == (health.utilisation_percent < 30.0)


def test_the_warning_names_the_level_and_the_figure() -> None:
    (health,) = code_health(torch.zeros(10, 1, dtype=torch.int64), ["Detail"], 16)
    assert health.warning.startswith("Detail uses only 6 % of its 16 codes")
    assert health.perplexity == pytest.approx(1.0)


def test_a_code_that_is_hardly_used_is_dead_but_used() -> None:
    codes = torch.cat([torch.arange(16).repeat(1000), torch.tensor([3])])
    codes[codes == 5] = 6
    codes[0] = 5
    (health,) = code_health(codes[:, None], ["Structure"], 16)
    assert (health.utilisation_percent, health.dead_codes) == (100.0, 1)


def test_levels_are_counted_apart_and_muted_codes_not_at_all() -> None:
    counter = UsageCounter(("Structure", "Detail"), 4)
    counter.add(torch.tensor([[[0, 3], [1, -1]], [[2, -1], [3, 3]]]))
    structure, detail = counter.health()
    assert (structure.utilisation_percent, detail.utilisation_percent, detail.counted) == (100.0, 25.0, 2)
    counter.clear()
    assert counter.health()[0].counted == 0


def test_health_is_plain_json() -> None:
    for health in code_health(torch.randint(0, 8, (100, 3)), ["a", "b", "c"], 8):
        assert json.loads(json.dumps(health.to_json()))["word"] in ("green", "yellow", "red")
