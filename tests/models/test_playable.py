"""A model file becomes networks that play, or one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from distill_live.errors import ModelFileError
from distill_live.models.container import read_container, write_container
from distill_live.models.file import read_model, save_model
from distill_live.models.playable import CEILING, load_playable
from distill_live.models.transcode import decode_codes
from tests.fixtures import tiny_model_file


@pytest.mark.parametrize("grid", ["frames", "bands", "reference"])
@pytest.mark.parametrize("levels", [2, 4])
def test_a_saved_model_plays_on_every_grid(tiny_playable, grid, levels):
    model = tiny_playable(seed=1, levels=levels, grid=grid)
    column, _ = model.prior.step(model.prior.initial_state(), lambda logits, row, level: int(logits.argmax()))
    latents = model.codebooks.decode(column)
    mel, _ = model.decoder.step(latents[None], model.decoder.initial_state())
    assert mel.shape == (128, model.frames_per_column)
    assert (model.levels, len(model.level_names)) == (levels, levels)


def test_the_tiny_model_is_loud_and_its_codes_differ(tiny_playable):
    model = tiny_playable()
    latents = model.codebooks.decode(np.tile(np.arange(16)[:, None], 3))
    mels = np.stack([model.decoder.forward(np.tile(latent, (6, 1, 1))) for latent in latents])
    assert mels.mean() > -70
    assert np.abs(mels[0] - mels[1]).mean() > 3


def test_a_corpus_sound_is_found_by_its_name_with_or_without_suffix(tiny_playable):
    model = tiny_playable()
    assert model.sound("sound-1") is model.sound("sound-1.wav")
    assert model.sound("sound-1").shape == (47, 1, 3)
    assert model.sound("nothing") is None
    assert [grid.held_out for grid in model.grids] == [False, False, False, True]


def test_loading_needs_no_torch(tmp_path):
    path = tiny_model_file(tmp_path / "a.distill")
    code = (
        "import sys; from pathlib import Path; from distill_live.models.playable import load_playable;"
        f"load_playable(Path({str(path)!r}));"
        "print(sorted({'torch', 'torchaudio', 'vector_quantize_pytorch'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_vocoder_and_the_guard_come_with_the_model(tiny_playable):
    model = tiny_playable(grid="bands")
    assert model.vocoder_config.mel == model.mel
    assert model.guard().config.longest_period == 70
    assert len(model.training_grids) == 3


@pytest.mark.parametrize("vocoder", [{"kind": "other"}, {"kind": "rtisi", "look_ahead": 99}, {"kind": "rtisi", "x": 1}])
def test_a_vocoder_that_is_not_there_is_one_sentence(tmp_path, vocoder):
    contents = read_container(tiny_model_file(tmp_path / "a.distill"))
    metadata = json.loads(contents.documents["distill"]) | {"vocoder": vocoder}
    write_container(tmp_path / "b.distill", {"distill": json.dumps(metadata)}, contents.tensors)
    with pytest.raises(ModelFileError, match=r"vocoder|look_ahead"):
        load_playable(tmp_path / "b.distill")


@pytest.mark.parametrize("kind", ["missing", "reshaped", "integer"])
def test_weights_that_do_not_fit_their_configuration_are_one_sentence(tmp_path, kind):
    path = tiny_model_file(tmp_path / "a.distill")
    contents = read_container(path)
    tensors = dict(contents.tensors)
    name = next(n for n in tensors if n.startswith("codec.decoder.") and tensors[n].ndim == 4)
    weight = tensors.pop(name)
    if kind == "reshaped":
        tensors[name] = weight.transpose(1, 0, 2, 3).reshape(-1)
    if kind == "integer":
        tensors[name] = weight.astype(np.int64)
    write_container(path, contents.documents, tensors)
    with pytest.raises(ModelFileError, match="decoder"):
        load_playable(path)


def test_a_ceiling_limits_what_is_decoded_and_a_file_without_one_plays_as_before(tmp_path):
    path = tiny_model_file(tmp_path / "a.distill")
    free, contents = load_playable(path), read_container(path)
    assert free.decoder.ceiling is None
    mel = decode_codes(free, free.training_grids[0])
    low = np.append(np.full(128, mel.mean()), 0.0).astype(np.float32)
    write_container(tmp_path / "b.distill", contents.documents, {**contents.tensors, CEILING: low})
    kept = load_playable(tmp_path / "b.distill")
    assert np.array_equal(decode_codes(kept, kept.training_grids[0]), np.minimum(mel, low[:-1, None]))
    write_container(tmp_path / "c.distill", contents.documents, {**contents.tensors, CEILING: low[1:]})
    with pytest.raises(ModelFileError, match=r"c\.distill cannot be used: its codec's ceiling"):
        load_playable(tmp_path / "c.distill")


def test_a_model_without_codes_of_its_recordings_is_one_sentence(tmp_path):
    """Its guard, its bank and its guidance live on them."""
    file = read_model(tiny_model_file(tmp_path / "full.distill"))
    weights = {name: array for name, array in file.tensors.items() if not name.startswith("grid.")}
    save_model(tmp_path / "bare.distill", file.metadata, weights, ())
    with pytest.raises(ModelFileError, match="no codes of its recordings; train it again"):
        load_playable(tmp_path / "bare.distill")
