"""Training a vocoder: it learns, it resumes to the same weights, and what it hears is what it was told to hear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from distill_live.audio.mel import MelConfig, log_mel
from distill_live.errors import TrainingError, UsageError
from distill_live.models.vocoder_file import load_vocoder, read_vocoder
from distill_live.signals import StopFlag
from distill_live.training import vocoder_material, vocoder_run, vocoder_task
from distill_live.training.vocoder_material import Material, SegmentConfig, Sounding, SoundingBatches, load_material
from distill_live.training.vocoder_run import VocoderCourse, train_vocoder
from distill_live.training.vocoder_task import VocoderTask
from distill_live.training.workdir import work_folder
from distill_live.vocoder.convnext import ConvNextVocoder
from distill_live.vocoder.convnext_plan import ConvNextConfig
from distill_live.vocoder.critic import SpectralCritic
from tests.training.sounds import write_corpus

MEL = MelConfig()
TINY = ConvNextConfig(width=16, depth=1)
SHORT = SegmentConfig(size=2, frames=24)


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocoder_material, "SCENE_S", 0.5)
    monkeypatch.setattr(vocoder_material, "HELD_OUT_SCENES", 1)
    monkeypatch.setattr(vocoder_task, "STEPS_PER_EPOCH", 2)
    monkeypatch.setattr(vocoder_task, "SpectralCritic", lambda: SpectralCritic(2, ((512, 240, 480),)))
    monkeypatch.setattr(vocoder_run, "SegmentConfig", lambda size: replace(SHORT, size=size))


@pytest.fixture
def material() -> Material:
    return load_material([], 3, 0, MEL)


def task(material: Material, adversarial: bool = False) -> VocoderTask:
    torch.manual_seed(0)
    return VocoderTask(ConvNextVocoder(TINY), material, 0, adversarial, segments=SHORT)


def course(**changes: object) -> VocoderCourse:
    return VocoderCourse(
        **{"scenes": 2, "width": 16, "depth": 1, "batch": 2, "budget_s": None, "steps": 4, "threads": 1, **changes}
    )


def unheard(_event: object) -> None:
    pass


def test_a_segment_of_mels_is_that_of_its_sound(material):
    mels, sounds = SoundingBatches(material.training, MEL, SHORT, 0).draw(3)
    assert mels.shape == (2, 128, 24)
    assert sounds.shape == (2, 24 * 512)
    for mel, sound in zip(mels, sounds, strict=True):
        again = log_mel(sound, MEL)
        loud = mel[:, 3:-3] > -60.0
        assert np.abs(again[:, 3:-3] - mel[:, 3:-3])[loud].max() < 0.1


def test_a_sound_shorter_than_a_segment_is_followed_by_silence():
    sound = 0.1 * np.random.default_rng(0).standard_normal(5 * 512).astype(np.float32)
    batches = SoundingBatches([Sounding("short", log_mel(sound, MEL), sound)], MEL, SHORT, 0)
    mels, sounds = batches.draw(0)
    assert (mels[:, :, 5:] == MEL.floor_db).all()
    assert not sounds[:, 5 * 512 :].any()


def test_scenes_held_out_are_never_learned_from(material):
    assert [sounding.name for sounding in material.held_out] == ["scene 0"]
    assert [sounding.name for sounding in material.training] == ["scene 1", "scene 2", "scene 3"]


def test_a_few_steps_lower_the_loss(material):
    learning = task(material)
    before = learning.validate()
    for step in range(8):
        learning.train_step(step, 0.0)
    after = learning.validate()
    assert after.held_out < 0.99 * before.held_out


def test_a_critic_learns_too_and_is_resumed(material):
    learning = task(material, adversarial=True)
    before = learning.snapshot()
    learning.train_step(0, 0.0)
    after = learning.snapshot()
    changed = [
        name for name, tensor in after.part("critic").items() if not torch.equal(tensor, before.part("critic")[name])
    ]
    assert changed
    again = task(material, adversarial=True)
    again.restore(after)
    assert again.train_step(1, 0.0) == learning.train_step(1, 0.0)


def test_interrupted_and_resumed_it_has_the_same_weights(tmp_path):
    once = train_vocoder(tmp_path / "once.vocoder", course(), unheard)
    stop = StopFlag()

    def stop_after_an_epoch(event: object) -> None:
        if getattr(event, "step", 0) == 2:
            stop.set()

    broken = train_vocoder(tmp_path / "twice.vocoder", course(), stop_after_an_epoch, stop)
    assert broken.interrupted
    assert load_vocoder(tmp_path / "twice.vocoder").latency == 1536
    with pytest.raises(TrainingError, match="--resume"):
        train_vocoder(tmp_path / "twice.vocoder", course(), unheard)
    again = train_vocoder(tmp_path / "twice.vocoder", course(resume=True), unheard)
    assert (once.outcome.steps, again.outcome.steps) == (4, 4)
    first, second = (read_vocoder(tmp_path / f"{name}.vocoder").weights for name in ("once", "twice"))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not work_folder(tmp_path / "twice.vocoder").exists()


def test_another_vocoder_is_fine_tuned_on_recordings_as_a_codec_gives_them(tmp_path, tiny_playable):
    corpus = write_corpus(tmp_path / "corpus", seconds=0.8)
    train_vocoder(tmp_path / "universal.vocoder", course(steps=1), unheard)
    fine = course(
        steps=1, scenes=0, folders=(corpus,), start=tmp_path / "universal.vocoder", codec=tiny_playable().path
    )
    train_vocoder(tmp_path / "fine.vocoder", fine, unheard)
    found = read_vocoder(tmp_path / "fine.vocoder")
    assert found.training["folders"] == [corpus.name]
    assert found.training["start"] == "universal.vocoder"
    assert str(tmp_path) not in str(found.training)
    assert found.config == ConvNextConfig(width=16, depth=1)


def test_nothing_to_learn_from_is_one_sentence():
    with pytest.raises(UsageError, match="nothing to learn from; give folders"):
        VocoderCourse(scenes=0)
