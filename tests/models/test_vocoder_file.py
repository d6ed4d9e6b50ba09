"""The file of a learned vocoder: what is written is read again, in half precision, and nothing else is believed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_live.errors import ModelFileError
from distill_live.models.container import read_container, write_container
from distill_live.models.vocoder_file import DOCUMENT, load_vocoder, read_vocoder, save_vocoder
from distill_live.vocoder.convnext import ConvNextVocoder, vocoder_arrays
from distill_live.vocoder.convnext_plan import ConvNextConfig

CONFIG = ConvNextConfig(width=8, depth=1, look_ahead=2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "small.vocoder"
    save_vocoder(path, CONFIG, vocoder_arrays(ConvNextVocoder(CONFIG)), {"scenes": 3})
    return path


def rewritten(path: Path, **changes: object) -> Path:
    """The file with other facts."""
    contents = read_container(path)
    facts = {**json.loads(contents.documents[DOCUMENT]), **changes}
    write_container(path, {DOCUMENT: json.dumps(facts)}, contents.tensors)
    return path


def test_what_is_written_is_read_again_in_half_the_bytes(file):
    torch.manual_seed(0)
    weights = vocoder_arrays(ConvNextVocoder(CONFIG))
    found = read_vocoder(file)
    assert found.config == CONFIG
    assert found.training == {"scenes": 3}
    assert found.weights.keys() == weights.keys()
    assert all(np.allclose(found.weights[name], array, rtol=1e-3, atol=1e-6) for name, array in weights.items())
    assert file.stat().st_size < 2 * sum(array.size for array in weights.values()) + 4000
    assert load_vocoder(file).latency == 2048


def test_a_file_cut_off_anywhere_is_one_sentence(file):
    raw = file.read_bytes()
    for length in (0, 7, 100, len(raw) // 2, len(raw) - 1):
        file.write_bytes(raw[:length])
        with pytest.raises(ModelFileError, match=r"cannot be used: it "):
            load_vocoder(file)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "wavenet"}, "of a kind or version"),
        ({"version": 99}, "of a kind or version"),
        ({"config": {}}, "configuration is incomplete"),
        ({"config": {**CONFIG.to_json(), "depth": "deep"}}, "depth cannot be 'deep'"),
        ({"config": {**CONFIG.to_json(), "hop": 500}}, "does not suit a hop of 500"),
        ({"config": {**CONFIG.to_json(), "width": 16}}, "does not fit its vocoder"),
        ({"config": {**CONFIG.to_json(), "hop": "512"}}, "hop cannot be 512"),
        ({"config": {**CONFIG.to_json(), "hop": 512.0}}, "hop cannot be 512.0"),
        ({"config": {**CONFIG.to_json(), "n_mels": 0}}, "n_mels cannot be 0"),
        ({"config": {**CONFIG.to_json(), "n_fft": 2**40}}, "n_fft cannot be"),
        ({"config": {**CONFIG.to_json(), "floor_db": 5}}, "floor_db cannot be 5"),
        ({"config": {**CONFIG.to_json(), "floor_db": float("nan")}}, "it is no vocoder"),
        ({"training": 5}, "it is no vocoder"),
    ],
)
def test_other_facts_are_refused(file, changes, reason):
    with pytest.raises(ModelFileError, match=reason):
        load_vocoder(rewritten(file, **changes))


def test_a_model_file_is_no_vocoder(tiny_playable):
    with pytest.raises(ModelFileError, match="it is no vocoder"):
        load_vocoder(tiny_playable().path)


def test_weights_that_do_not_fit_into_half_precision_are_not_saved(tmp_path):
    weights = {name: np.full_like(array, 1e6) for name, array in vocoder_arrays(ConvNextVocoder(CONFIG)).items()}
    with pytest.raises(ModelFileError, match="infinite weights"):
        save_vocoder(tmp_path / "wild.vocoder", CONFIG, weights, {})
    assert not (tmp_path / "wild.vocoder").exists()


def test_spoilt_weights_are_refused(file):
    contents = read_container(file)
    spoilt = {name: np.full_like(array, np.nan) for name, array in contents.tensors.items()}
    write_container(file, contents.documents, spoilt)
    with pytest.raises(ModelFileError, match="finite numbers"):
        load_vocoder(file)
