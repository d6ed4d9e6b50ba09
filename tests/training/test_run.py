"""From recordings to a model that plays: whole runs on seconds of sound, in real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from distill_live.errors import CorpusError, DistillError, TrainingError, UsageError
from distill_live.models.file import read_model
from distill_live.models.playable import CEILING, load_playable
from distill_live.models.transcode import decode_codes, decode_sound, encode_mel, encode_sound
from distill_live.signals import StopFlag
from distill_live.training import run
from distill_live.training.options import PRESETS, TrainOptions
from distill_live.training.progress import Event, Notice, Progress
from distill_live.training.retrain import Course, add_recordings, retrain_prior
from distill_live.training.run import train_model
from distill_live.training.workdir import work_folder
from tests.fixtures import tiny_model_file
from tests.training.sounds import plucks, write_corpus

torch.set_num_threads(1)  # two threads beside other work are slower than one
QUICK = TrainOptions(epochs=1, threads=1, seed=3)


pytestmark = pytest.mark.usefixtures("small_portions")  # nothing here depends on how much is learned


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "tones")


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory) -> tuple[Path, list[Event]]:
    events: list[Event] = []
    out = tmp_path_factory.mktemp("trained") / "tones.distill"
    train_model(corpus, out, QUICK, events.append)
    return out, events


def stop_after(flag: StopFlag, stage: str, steps: int):
    """An event handler that stops the run once ``stage`` has made some steps."""

    def on_event(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == stage and event.step >= steps:
            flag.set()

    return on_event


def weights_of(path: Path) -> dict[str, np.ndarray]:
    return read_model(path).tensors


def same(first: Path, second: Path) -> bool:
    one, two = weights_of(first), weights_of(second)
    return set(one) == set(two) and all(np.array_equal(one[name], two[name]) for name in one)


def test_a_trained_file_plays_and_says_how_it_was_made(trained):
    model = load_playable(trained[0])
    training = model.metadata["training"]
    assert training["complete"]
    assert training["corpus"] == "tones"
    assert training["reproducible"]
    assert [grid.held_out for grid in model.grids].count(True) == len(training["held_out"]) == 1
    assert [level["name"] for level in model.metadata["health"]] == list(model.level_names)
    assert {"held_out_bits", "unigram_bits", "longest_copy_s"} <= set(training["memorisation"])
    loudest = np.max([decode_codes(model, grid).max() for grid in model.training_grids])
    assert loudest <= model.decoder.ceiling.bands.max()
    assert len(model.metadata["curves"]["codec"]) == len(model.metadata["curves"]["prior"]) == 1
    assert not work_folder(trained[0]).exists()


def test_a_recording_is_encoded_as_training_heard_it(trained, corpus):
    model = load_playable(trained[0])
    for grid in model.grids:
        assert np.array_equal(encode_sound(model, corpus / grid.name).codes, grid.codes)


def test_the_events_tell_the_story_in_order(trained):
    events = trained[1]
    stages = [e.stage for e in events if isinstance(e, Notice) and e.type == "stage"]
    assert stages == ["scan", "mels", "codec", "prior"]
    assert isinstance(events[-1], Notice)
    assert events[-1].type == "done"
    assert any(isinstance(e, Progress) and e.stage == "codec" and e.held_out for e in events)
    assert json.dumps(events[-1].to_json())


def test_an_early_file_can_be_played_while_training_goes_on(corpus, tmp_path):
    out, played = tmp_path / "a.distill", []

    def on_event(event: Event) -> None:
        if isinstance(event, Notice) and event.data.get("early"):
            played.append(load_playable(out))

    train_model(corpus, out, QUICK, on_event)
    assert len(played) == 2, "one with the first codes, one when the codec is done"
    assert all(model.metadata["training"]["complete"] is False for model in played)
    assert len(played[1].grids) >= len(played[0].grids)
    assert load_playable(out).sha256 not in {model.sha256 for model in played}


def test_early_files_become_better_and_cost_nothing_that_is_learned(corpus, tmp_path, monkeypatch):
    options = TrainOptions(epochs=4, threads=1, seed=3)
    train_model(corpus, tmp_path / "once.distill", options, lambda event: None)
    monkeypatch.setattr(run, "EARLY_AGAIN_S", 0.0)
    monkeypatch.setattr(run, "EARLY_SHARE", 1e9)
    out, seen = tmp_path / "often.distill", []

    def on_event(event: Event) -> None:
        if isinstance(event, Notice) and event.data.get("early"):
            seen.append(load_playable(out).sha256)

    train_model(corpus, out, options, on_event)
    assert len(seen) >= 4, "one an epoch from the first codes on, and one when the codec is done"
    assert len(set(seen[:-1])) == len(seen) - 1, "they differ; the last one has the best codec, which one of them had"
    assert same(out, tmp_path / "once.distill")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(corpus, trained, tmp_path):
    train_model(corpus, tmp_path / "again.distill", QUICK, lambda event: None)
    train_model(corpus, tmp_path / "other.distill", TrainOptions(epochs=1, threads=1, seed=4), lambda event: None)
    assert same(trained[0], tmp_path / "again.distill")
    assert not same(trained[0], tmp_path / "other.distill")


@pytest.mark.parametrize(("stage", "steps"), [("codec", 2), ("prior", 25)])
def test_an_interrupted_run_resumes_to_the_same_weights(corpus, trained, tmp_path, stage, steps):
    out, flag = tmp_path / "a.distill", StopFlag()
    stopped = train_model(corpus, out, QUICK, stop_after(flag, stage, steps), flag)
    assert stopped.interrupted
    assert load_playable(out).metadata["training"]["complete"] == (stage == "prior")
    assert (work_folder(out) / "progress.jsonl").exists()
    resumed = train_model(corpus, out, TrainOptions(epochs=1, threads=1, seed=3, resume=True), lambda event: None)
    assert not resumed.interrupted
    assert same(out, trained[0])


def test_a_resumed_run_does_not_go_back_to_counting_while_its_prior_learns(corpus, tmp_path):
    out, flag = tmp_path / "a.distill", StopFlag()
    train_model(corpus, out, QUICK, stop_after(flag, "prior", 25), flag)
    before, seen = load_playable(out).sha256, set()

    def on_event(event: Event) -> None:
        if event.stage == "prior":
            seen.add(load_playable(out).sha256)

    train_model(corpus, out, TrainOptions(epochs=1, threads=1, seed=3, resume=True), on_event)
    assert before in seen
    assert len(seen - {before, load_playable(out).sha256}) == 0


def interrupted(corpus: Path, out: Path) -> None:
    flag = StopFlag()
    flag.set()
    train_model(corpus, out, QUICK, lambda event: None, flag)


def test_what_was_interrupted_is_neither_lost_nor_resumed_with_other_options(corpus, tmp_path):
    out = tmp_path / "a.distill"
    interrupted(corpus, out)
    with pytest.raises(TrainingError, match="--resume"):
        train_model(corpus, out, QUICK, lambda event: None)
    with pytest.raises(TrainingError, match="levels 3"):
        train_model(corpus, out, TrainOptions(epochs=1, levels=2, seed=3, resume=True), lambda event: None)
    other = write_corpus(tmp_path / "other", files=4)
    with pytest.raises(TrainingError, match="recordings are not those"):
        train_model(other, out, TrainOptions(epochs=1, seed=3, resume=True), lambda event: None)


def test_nothing_to_resume_is_said(corpus, tmp_path):
    with pytest.raises(TrainingError, match="nothing to resume"):
        train_model(corpus, tmp_path / "a.distill", TrainOptions(epochs=1, resume=True), lambda event: None)


def test_an_interrupted_run_never_overwrites_an_older_model(corpus, tmp_path):
    out = tiny_model_file(tmp_path / "mine.distill")
    before = out.read_bytes()
    interrupted(corpus, out)
    assert out.read_bytes() == before


@pytest.mark.parametrize("files", [1, 3])
def test_few_recordings_train_with_a_word_of_warning(tmp_path, files):
    corpus = write_corpus(tmp_path / "few", files=files, seconds=2.5)
    events: list[Event] = []
    train_model(corpus, tmp_path / "few.distill", QUICK, events.append)
    warnings = [e.text for e in events if isinstance(e, Notice) and e.type == "warning"]
    assert any("the end of each is held out" in text for text in warnings)
    grids = load_playable(tmp_path / "few.distill").grids
    assert [grid.held_out for grid in grids] == [False, True] * files


def test_a_budget_is_kept_to_and_the_file_is_complete(corpus, tmp_path):
    out = tmp_path / "a.distill"
    train_model(corpus, out, TrainOptions(budget_s=5, threads=1), lambda event: None)
    training = load_playable(out).metadata["training"]
    assert training["complete"]
    assert training["codec"]["ended"] == "budget"
    assert not training["reproducible"]


def test_bad_recordings_are_named_with_a_reason_and_the_rest_is_trained_on(tmp_path):
    corpus = write_corpus(tmp_path / "mixed", files=4)
    (corpus / "broken.wav").write_bytes(b"RIFF not audio")
    (corpus / "empty.flac").touch()
    soundfile.write(corpus / "silent.wav", np.zeros(24000), 24000)
    soundfile.write(corpus / "short.wav", 0.5 * np.ones(240), 24000)
    events: list[Event] = []
    train_model(corpus, tmp_path / "a.distill", QUICK, events.append)
    report = next(e for e in events if isinstance(e, Notice) and e.type == "report")
    assert {entry["name"] for entry in report.data["skipped"]} == {
        "broken.wav",
        "empty.flac",
        "silent.wav",
        "short.wav",
    }
    assert all(entry["reason"] for entry in report.data["skipped"])


@pytest.mark.parametrize("kind", ["missing", "empty", "no audio", "silent"])
def test_a_folder_that_cannot_be_learned_from_is_one_sentence_and_leaves_nothing(tmp_path, kind):
    folder, out = tmp_path / "corpus", tmp_path / "a.distill"
    if kind != "missing":
        folder.mkdir()
    if kind == "no audio":
        (folder / "notes.txt").write_text("hello")
    if kind == "silent":
        soundfile.write(folder / "a.wav", np.zeros(96000), 24000)
    with pytest.raises(CorpusError) as error:
        train_model(folder, out, QUICK, lambda event: None)
    assert "\n" not in str(error.value)
    assert not out.exists()
    assert not work_folder(out).exists()


@pytest.mark.parametrize(
    "bad",
    [
        {"levels": 5},
        {"levels": 1},
        {"grid": "coarse"},
        {"codebook_size": 100},
        {"budget_s": 0.5},
        {"budget_s": float("nan")},
        {"epochs": 0},
        {"seed": -1},
        {"threads": 0},
        {"preset": "superb"},
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_read(bad):
    with pytest.raises(UsageError):
        TrainOptions(**bad)


def test_the_prior_is_trained_again_from_the_file_alone(trained, tmp_path):
    out = tmp_path / "a.distill"
    out.write_bytes(trained[0].read_bytes())
    before = load_playable(out)
    retrain_prior(out, lambda event: None, Course(budget_s=5, seed=9, threads=1, kind="recurrent"))
    after = load_playable(out)
    old, new = weights_of(trained[0]), weights_of(out)
    assert all(np.array_equal(old[n], new[n]) for n in old if not n.startswith("prior."))
    assert after.prior.config.kind == "recurrent"
    assert any(n not in old or not np.array_equal(old[n], new[n]) for n in new if n.startswith("prior."))
    assert after.sha256 != before.sha256
    assert [g.name for g in after.grids] == [g.name for g in before.grids]


def test_recordings_are_added_and_what_was_known_stays(trained, tmp_path):
    out = tmp_path / "copy.distill"
    out.write_bytes(trained[0].read_bytes())
    before = read_model(out)
    folder = write_corpus(tmp_path / "more", files=6)
    (folder / "tone-5.wav").unlink()  # the others are known by their names
    loud = 0.99 * np.sign(plucks(5, 1.5, 24000))
    soundfile.write(folder / "new.wav", loud, 24000)
    events: list[Event] = []
    add_recordings(out, folder, events.append, Course(budget_s=8, seed=9, threads=1))
    after = read_model(out)
    names = [grid.name for grid in after.grids]
    assert sorted(names) == sorted([*(grid.name for grid in before.grids), "new.wav"])
    assert after.metadata["training"]["files"][-1] == "new.wav"
    for name in before.tensors:
        if name.startswith(("codec.", "codebooks")) and name != CEILING:
            assert np.array_equal(before.tensors[name], after.tensors[name])
    assert (after.tensors[CEILING] >= before.tensors[CEILING]).all()
    held_out = next(grid.held_out for grid in after.grids if grid.name == "new.wav")
    assert not held_out
    assert (after.tensors[CEILING] > before.tensors[CEILING]).any()  # as loud as what is new
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert any("dB off on the new sounds" in text for text in texts)
    assert load_playable(out).sound("new.wav" if "new.wav" in names else "new") is not None


@pytest.mark.parametrize("again", ["prior", "add"])
def test_a_prior_that_is_stopped_while_it_learns_leaves_the_file_as_it_was(trained, tmp_path, again):
    out, stop, events = tmp_path / "copy.distill", StopFlag(), []
    out.write_bytes(trained[0].read_bytes())
    stop.set()
    course = Course(budget_s=30, threads=1)
    if again == "prior":
        found = retrain_prior(out, events.append, course, stop)
    else:
        found = add_recordings(out, write_corpus(tmp_path / "more", files=5), events.append, course, stop)
    assert found.interrupted
    assert out.read_bytes() == trained[0].read_bytes()
    assert "stays as it was" in events[-1].text


def test_a_recording_that_comes_again_whole_replaces_its_head_and_its_held_out_end(tmp_path):
    """Of three recordings the ends are held out; heard again among more, no part is both held out and learned from."""
    few, out = write_corpus(tmp_path / "few", files=3), tmp_path / "few.distill"
    train_model(few, out, TrainOptions(epochs=1, seed=3, threads=1, prior="markov"), lambda event: None)
    assert any(grid.name.endswith(" (end)") for grid in read_model(out).grids)
    events: list[Event] = []
    add_recordings(out, write_corpus(tmp_path / "more", files=8), events.append, Course(30, threads=1, kind="markov"))
    names = [grid.name for grid in read_model(out).grids]
    assert len(names) == len({name.removesuffix(" (end)") for name in names}) == 8
    said = next(event.text for event in events if isinstance(event, Notice) and "replaced" in event.text)
    assert said.count("tone-") == 3


def test_sounds_that_are_strange_to_the_codec_are_said_to_be(trained, tmp_path):
    out, folder = tmp_path / "copy.distill", tmp_path / "noise"
    out.write_bytes(trained[0].read_bytes())
    folder.mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).uniform(-0.9, 0.9, 96_000)
        soundfile.write(folder / f"{number}.wav", noise * (np.arange(96_000) % 9600 < 4800), 48000)
    events: list[Event] = []
    add_recordings(out, folder, events.append, Course(budget_s=8, threads=1, kind="markov"))
    data = next(e.data for e in events if isinstance(e, Notice) and "added_db" in e.data)
    warned = any(e.type == "warning" for e in events if isinstance(e, Notice))
    assert warned == (data["added_db"] > 1.5 * data["held_out_db"])


def test_adding_a_folder_without_sound_changes_nothing(trained, tmp_path):
    out = tmp_path / "copy.distill"
    out.write_bytes(trained[0].read_bytes())
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError):
        add_recordings(out, tmp_path / "empty", lambda event: None)
    assert out.read_bytes() == trained[0].read_bytes()


def test_a_codec_begins_as_that_of_another_model(corpus, trained, tmp_path):
    begun = TrainOptions(epochs=1, threads=1, seed=3, start=trained[0])
    events: list[Event] = []
    train_model(corpus, tmp_path / "a.distill", begun, events.append)
    first = [e.held_out for e in events if isinstance(e, Progress) and e.stage == "codec" and e.held_out is not None]
    plain = [
        e.held_out for e in trained[1] if isinstance(e, Progress) and e.stage == "codec" and e.held_out is not None
    ]
    assert first[0] < plain[0]


def test_a_model_on_another_grid_cannot_be_begun_from(corpus, trained, tmp_path):
    with pytest.raises(TrainingError, match="its grid is frames, not bands"):
        train_model(corpus, tmp_path / "a.distill", TrainOptions(epochs=1, grid="bands", start=trained[0]), print)


def test_a_preset_is_so_many_steps_and_says_how_long_it_takes_here(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", 6)
    events: list[Event] = []
    train_model(corpus, tmp_path / "a.distill", TrainOptions(preset="quick", threads=1), events.append)
    training = load_playable(tmp_path / "a.distill").metadata["training"]
    assert (training["codec"]["steps"], training["codec"]["ended"]) == (6, "steps")
    assert training["reproducible"]
    found = next(e.data["estimates_s"] for e in events if isinstance(e, Notice) and "estimates_s" in e.data)
    assert set(found) == set(PRESETS)
    assert 0.0 < found["quick"] < found["good"] < found["best"]


def test_an_estimate_changes_nothing(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", 4)
    for name in ("a", "b"):
        if name == "b":
            monkeypatch.setattr("distill_live.training.run.estimates", lambda *_: dict.fromkeys(PRESETS, 1.0))
        train_model(corpus, tmp_path / f"{name}.distill", TrainOptions(preset="quick", threads=1), lambda event: None)
    assert same(tmp_path / "a.distill", tmp_path / "b.distill")


def test_a_recording_goes_through_the_codes_and_comes_back_as_long_as_it_was(trained, corpus, tmp_path):
    model = load_playable(trained[0])
    grid = encode_sound(model, corpus / "tone-0.wav")
    saved = next(g for g in model.grids if g.name == "tone-0.wav")
    assert np.array_equal(grid.codes, saved.codes)
    sound = decode_sound(model, grid)
    assert len(sound) == grid.source_samples == 72000
    assert np.isfinite(sound).all()
    with pytest.raises(DistillError, match="another model"):
        decode_sound(load_playable(tiny_model_file(tmp_path / "b.distill")), grid)


def test_codes_of_a_whole_recording_are_those_of_the_stream(tiny_playable):
    model = tiny_playable(grid="bands")
    mel = np.random.default_rng(0).uniform(-80, 0, (128, 1200)).astype(np.float32)
    whole = encode_mel(model.encoder, model.codebooks, mel)
    assert whole.shape == (150, 2, 3)
    state, columns = model.encoder.initial_state(), []
    for start in range(0, 1200, 8):
        latents, state = model.encoder.step(mel[:, start : start + 8], state)
        columns.append(model.codebooks.encode(latents[0]))
    assert (np.stack(columns) == whole).mean() > 0.999
