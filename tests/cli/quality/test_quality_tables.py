"""What the quality bench writes of what it found; the judging itself is ``test_judge``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from distill_live.audio.split import cut_tail
from distill_live.cli.quality.candidates import CANDIDATES, candidate
from distill_live.cli.quality.judge import Played
from distill_live.cli.quality.run import best_of, command, held_out_files
from distill_live.cli.quality.tables import Trial, markdown, mean_of
from distill_live.errors import UsageError
from distill_live.training.options import TrainOptions


def verdict(mrstft: float = 1.5, mel_db: float = 4.0, used: float = 90.0) -> dict[str, Any]:
    found = {"mrstft": mrstft, "mel_db": mel_db, "lsd_db": 5.0, "centroid_percent": 7.0, "level_db": -1.0}
    return {
        "reconstruction": {"recordings": 2, "distances": found, "silence": found, "visqol": None},
        "use": [{"name": "Structure", "used_percent": 90.0, "perplexity": 40.0, "dead": 0}],
        "corpus_use": [{"name": "Structure", "used_percent": used, "perplexity": 40.0, "dead": 0}],
        "edited": {
            "silence_db": 30.0,
            "alone": [
                {"levels": (0,), "mel_db": 6.0},
                {"levels": (1,), "mel_db": 9.0},
                {"levels": (0, 1), "mel_db": 4.0},
            ],
            "swapped": [{"first": 1, "changed_db": 3.0, "off_db": -0.5, "roughness_percent": 120.0, "jump_db": 0.25}],
        },
        "bits": {name: [2.5] for name in ("held_out_bits", "unigram_bits", "bigram_bits", "context_bits")}
        | {"columns": 100},
        "played": {
            "frechet_training": 20.0,
            "frechet_held_out": None,
            "to_training_db": 5.0,
            "training_apart_db": float("nan"),
            "held_out_db": 6.0,
            "longest_copy_s": 1.0,
            "held_out_copy_s": None,
            "longest_silence_s": 0.0,
            "real_time_percent": 20.0,
        },
        "novelty": "new",
    }


def played(to_training: float, apart: float, held_out: float | None) -> Played:
    return Played(1.0, 1.0, to_training, apart, held_out, 0.0, 0.0, 0.0, 0, -20.0, 20.0)


@pytest.mark.parametrize("name", sorted(CANDIDATES))
def test_every_candidate_is_a_way_to_train(name):
    TrainOptions(**candidate(name))


def test_a_candidate_that_there_is_not_is_one_sentence():
    with pytest.raises(UsageError, match="bands"):
        candidate("best")


def test_the_tables_have_a_row_for_each_training_and_say_whether_the_bar_is_reached():
    elsewhere = {"others": {"folder": "drones", **verdict(mel_db=9.5)["reconstruction"]}}
    trials = [
        Trial("beats", "default", 1, 300.0, verdict() | elsewhere),
        Trial("beats", "bands", 1, 300.0, verdict(mel_db=5.6)),
        Trial("tabla", "default", 2, 300.0, verdict()),
    ]
    text = markdown({"machine": "here"}, trials)
    rows = [line for line in text.splitlines() if line.startswith("| beats, default, 1, 300")]
    assert len(rows) == 2
    assert rows[0].endswith("| ok |")
    assert rows[1].startswith("| beats, default, 1, 300, on drones |")
    assert rows[1].endswith("| NOT |")  # 9.5 dB of mel
    assert "| NOT |" in next(line for line in text.splitlines() if line.startswith("| beats, bands, 1, 300"))
    assert sum(line.startswith("| tabla, default, 2") for line in text.splitlines()) == 4
    for line in text.splitlines():
        assert "nan" not in line


def bits(own: float, bigram: float, columns: int) -> dict[str, Any]:
    found = {"held_out_bits": [own], "unigram_bits": [5.0], "bigram_bits": [bigram], "context_bits": [own]}
    return {"bits": {**found, "columns": columns}}


def test_several_splits_have_a_mean_in_which_every_code_counts_the_same():
    trials = [
        Trial("beats", "default", 1, 300.0, verdict(mel_db=4.0) | bits(3.0, 2.9, 100)),
        Trial("beats", "default", 2, 300.0, verdict(mel_db=5.0) | bits(2.0, 3.0, 300)),
        Trial("tabla", "default", 1, 300.0, verdict()),
    ]
    lines = markdown({}, trials).splitlines()
    means = [line for line in lines if "mean of 2" in line]
    assert len(means) == 4
    assert means[0].startswith("| beats, default, mean of 2, 300 | 1.50 | 4.5 | 5.0 ")
    assert "| 2.25 | 5.00 | 2.98 | 2.25 | ok |" in means[1]
    assert "| 3.00 | 5.00 | 2.90 | 3.00 | NOT |" in next(
        line for line in lines if line.startswith("| beats, default, 1 | 90")
    )


def test_a_model_without_measured_bits_is_not_called_below_them():
    nothing = {"bits": {name: [] for name in ("held_out_bits", "unigram_bits", "bigram_bits", "context_bits")}}
    assert "| - | 20 |" in markdown({}, [Trial("beats", "default", 1, 9, verdict() | nothing)])


def test_what_one_of_them_lacks_the_mean_lacks():
    assert mean_of([{"a": 1.0, "b": None}, {"a": None, "b": None}]) == {"a": None, "b": None}
    assert mean_of([1.0, 4.0], [3, 1]) == 1.75


def test_levels_alone_and_swaps_have_a_row_each_and_codes_a_bar():
    text = markdown({}, [Trial("beats", "default", 1, 300.0, verdict(used=79.0))])
    assert "| beats, default, 1 | 30.00 | 6.00 9.00 | 4.00 | 3.00 | -0.50 | 120 | 0.25 |" in text
    assert "| 79 | NOT |" in text
    assert "| 90 | ok |" in markdown({}, [Trial("beats", "default", 1, 300.0, verdict())])


def test_a_model_without_recordings_held_out_still_has_its_rows():
    nothing = verdict() | {"edited": {"silence_db": float("nan"), "alone": [], "swapped": []}}
    assert "| beats, default, 1 | - | - | - | - | - | - | - |" in markdown(
        {}, [Trial("beats", "default", 1, 9, nothing)]
    )


def test_the_best_are_those_with_the_smallest_error():
    trials = [Trial("beats", name, 1, 60.0, verdict(error)) for name, error in (("a", 2.0), ("b", 1.0), ("c", 1.5))]
    assert best_of(trials) == ("b", "c")


def test_novelty_is_said_in_words():
    assert played(2.0, 4.0, 6.0).novelty.startswith("copies: 50 %")
    assert played(5.0, 4.0, 6.0).novelty.startswith("new")
    assert played(7.0, 4.0, 6.0).novelty.startswith("leaves")
    assert played(5.0, 4.0, None).novelty.startswith("5.0 dB from its corpus")


def test_the_end_of_a_recording_is_the_part_that_was_held_out(tmp_path: Path):
    """As ``material`` cuts it: the last frames, of which the first begins a hop's multiple after the beginning."""
    time = np.arange(48000 * 3, dtype=np.float32) / (48000 * 3)
    soundfile.write(tmp_path / "one.wav", time, 48000, subtype="FLOAT")
    soundfile.write(tmp_path / "two.wav", -time, 48000, subtype="FLOAT")
    whole, end = held_out_files(tmp_path, ["two.wav", "one.wav (end)"], tmp_path)
    assert whole == tmp_path / "two.wav"
    samples, rate = soundfile.read(end, dtype="float32")
    assert rate == 48000
    assert (samples == time[-len(samples) :]).all()
    tail = cut_tail(np.zeros((1, 282), np.float32), 0.15)[1].shape[1]
    assert len(samples) == tail * 512


def test_a_folder_that_is_none_is_one_sentence(tmp_path: Path):
    result = CliRunner().invoke(command, [str(tmp_path / "none")])
    assert isinstance(result.exception, UsageError)
    assert "is no folder" in str(result.exception)
