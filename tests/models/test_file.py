"""The model file: what is saved comes back, what is not a good model gets one sentence and changes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_live.errors import ModelFileError
from distill_live.models.container import read_container, write_atomic, write_container
from distill_live.models.file import read_model, save_model, tidy_name
from tests.fixtures import tiny_model_file


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return tiny_model_file(tmp_path_factory.mktemp("good") / "good.distill", sounds=2)


def raw_file(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def changed(good: Path, target: Path, **changes: object) -> Path:
    """The good file with other metadata fields, or other tensors under ``tensors``."""
    contents = read_container(good)
    metadata = json.loads(contents.documents["distill"])
    tensors = dict(contents.tensors) | dict(changes.pop("tensors", {}))
    write_container(target, {"distill": json.dumps(metadata | changes)}, tensors)
    return target


def refused(path: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        read_model(path)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert str(path) in sentence
    return sentence


def test_what_is_saved_comes_back(good):
    model = read_model(good)
    assert model.metadata["version"] == 2
    assert model.level_names == ("Structure", "Timbre", "Detail")
    assert [g.name for g in model.grids] == ["sound-0.wav", "sound-1.wav"]
    assert [g.held_out for g in model.grids] == [False, True]
    assert model.tensors["codebooks"].shape == (3, 16, 8)
    assert model.metadata["libraries"]["torch"]


def test_the_hash_is_that_of_the_file(good):
    import hashlib

    assert read_model(good).sha256 == hashlib.sha256(good.read_bytes()).hexdigest()


def test_a_missing_and_an_empty_file_and_a_folder(tmp_path):
    assert "no file" in refused(tmp_path / "none.distill")
    (tmp_path / "empty.distill").touch()
    assert "empty" in refused(tmp_path / "empty.distill")
    assert "folder" in refused(tmp_path)


def test_a_pickle_is_never_opened(tmp_path):
    path, fired = tmp_path / "evil.distill", tmp_path / "fired"

    class Evil:
        def __reduce__(self):
            return (fired.touch, ())

    path.write_bytes(pickle.dumps(Evil()))
    assert "pickle" in refused(path)
    assert not fired.exists()


def test_a_torch_archive_and_other_programs_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.distill", "w") as archive:
        archive.writestr("data.pkl", b"x" * 100)
    assert "zip" in refused(tmp_path / "a.distill")
    (tmp_path / "b.distill").write_bytes(b"RIFF" + bytes(1000))
    assert "not a safetensors" in refused(tmp_path / "b.distill")
    write_container(tmp_path / "c.distill", {}, {"x": np.zeros(3, np.float32)})
    assert "another program" in refused(tmp_path / "c.distill")


def test_every_truncation_is_noticed(good, tmp_path):
    raw, path = good.read_bytes(), tmp_path / "cut.distill"
    for length in [1, 7, 8, 9, 100, len(raw) // 2, len(raw) - 1]:
        path.write_bytes(raw[:length])
        refused(path)


def test_data_after_the_end_is_noticed(good, tmp_path):
    path = tmp_path / "long.distill"
    path.write_bytes(good.read_bytes() + b"x")
    assert "does not name" in refused(path)


HOSTILE = {
    "overlap": ({"a": [0, 8, [2]], "b": [4, 12, [2]]}, b"\0" * 12),
    "gap": ({"a": [0, 4, [1]], "b": [8, 12, [1]]}, b"\0" * 12),
    "negative": ({"a": [-4, 4, [2]]}, b"\0" * 8),
    "backwards": ({"a": [8, 0, [2]]}, b"\0" * 8),
    "beyond": ({"a": [0, 4_000_000_000, [1_000_000_000]]}, b"\0" * 8),
    "elements": ({"a": [0, 8, [1_000_000_000]]}, b"\0" * 8),
    "overflow": ({"a": [0, 8, [2**62, 2**62, 0]]}, b"\0" * 8),
    "empty but endless": ({"a": [0, 0, [2**62, 2**62, 0]]}, b""),
    "dimensions": ({"a": [0, 4, [1] * 99]}, b"\0" * 4),
    "a bool": ({"a": [False, 4, [True]]}, b"\0" * 4),
    "a float": ({"a": [0.0, 4.0, [1.0]]}, b"\0" * 4),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_header_is_refused_before_memory_is_taken(tmp_path, case):
    entries, data = HOSTILE[case]
    header = {n: {"dtype": "F32", "shape": shape, "data_offsets": [a, b]} for n, (a, b, shape) in entries.items()}
    refused(raw_file(tmp_path / "h.distill", header, data))


def test_a_header_that_lies_about_its_length_or_its_kind(tmp_path):
    assert "claims" in refused(raw_file(tmp_path / "a.distill", {}, length=2**60))
    assert "cut off" in refused(raw_file(tmp_path / "b.distill", {}, length=1000))
    assert "damaged" in refused(raw_file(tmp_path / "c.distill", b'{"a":' * 100_000))
    assert "damaged" in refused(raw_file(tmp_path / "d.distill", b'{"a": 1, "a": 2}'))
    assert "damaged" in refused(raw_file(tmp_path / "e.distill", b'{"a": NaN}'))
    assert "metadata" in refused(raw_file(tmp_path / "f.distill", {"__metadata__": {"distill": 5}}))
    record = {"dtype": "OBJECT", "shape": [], "data_offsets": [0, 0]}
    assert "not allowed" in refused(raw_file(tmp_path / "g.distill", {"a": record}))


def test_a_file_from_the_future_says_update(good, tmp_path):
    assert "version 3" in refused(changed(good, tmp_path / "a.distill", version=3))
    assert "update" in refused(changed(good, tmp_path / "a.distill", version=10**9))
    refused(changed(good, tmp_path / "a.distill", version="2"))


def test_weights_and_codes_that_cannot_be(good, tmp_path):
    path = tmp_path / "a.distill"
    tensors = read_container(good).tensors
    books, codes = tensors["codebooks"].copy(), tensors["grid.0"].copy()
    books[0, 0, 0] = np.nan
    assert "not finite" in refused(changed(good, path, tensors={"codebooks": books}))
    assert "codebooks" in refused(changed(good, path, tensors={"codebooks": books[:2]}))
    codes[3] = 16
    assert "0 to 15" in refused(changed(good, path, tensors={"grid.0": codes}))
    assert "does not fit" in refused(changed(good, path, tensors={"grid.0": codes[:, :, :1]}))
    assert "unknown tensor" in refused(changed(good, path, tensors={"malware": codes}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("codec", {}),
        ("codec", None),
        ("mel", {"sample_rate": 48000}),
        ("level_names", ["a"]),
        ("level_names", ["a", "b", "\x1b[2J"]),
        ("grids", []),
        ("grids", [1, 2]),
        ("prior", {"kind": 5}),
        ("curves", "none"),
    ],
)
def test_metadata_of_a_wrong_kind_is_refused(good, tmp_path, field, value):
    refused(changed(good, tmp_path / "a.distill", **{field: value}))


def test_codec_sizes_that_would_eat_the_memory_are_refused(good, tmp_path):
    codec = json.loads(read_container(good).documents["distill"])["codec"]
    for change in ({"channels": 10**9}, {"codebook_size": 2**40}, {"levels": 10**6}, {"n_mels": [128]}):
        refused(changed(good, tmp_path / "a.distill", codec=codec | change))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 30), cut=st.booleans(), near_header=st.booleans())
def test_random_damage_raises_nothing_but_a_model_file_error(good, tmp_path, seed, flips, cut, near_header):
    raw, rng, path = bytearray(good.read_bytes()), random.Random(seed), tmp_path / "damaged.distill"
    for _ in range(flips):
        raw[rng.randrange(4000 if near_header else len(raw))] = rng.randrange(256)
    if cut:
        del raw[rng.randrange(len(raw)) :]
    path.write_bytes(raw)
    with contextlib.suppress(ModelFileError):
        read_model(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), header=st.text(max_size=100))
def test_random_bytes_raise_nothing_but_a_model_file_error(tmp_path, data, header):
    path = tmp_path / "random.distill"
    text = header.encode("utf-8", "replace")
    for raw in (data, len(text).to_bytes(8, "little") + text + data, b"\x02\0\0\0\0\0\0\0{}" + data):
        path.write_bytes(raw)
        with pytest.raises(ModelFileError):
            read_model(path)


def test_a_full_disk_keeps_the_old_file_and_leaves_no_rubbish(good, tmp_path, monkeypatch):
    path = tmp_path / "a.distill"
    path.write_bytes(good.read_bytes())

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="No space left"):
        write_atomic(path, b"half a model")
    assert path.read_bytes() == good.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["a.distill"]


def test_a_real_full_device_is_one_sentence(good):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(ModelFileError, match="cannot write"):
        write_atomic(Path("/dev/full/model.distill"), b"x")


def test_weights_that_diverged_are_not_saved_over_a_good_model(good, tmp_path):
    path = tmp_path / "a.distill"
    path.write_bytes(good.read_bytes())
    model = read_model(path)
    weights = {n: t for n, t in model.tensors.items() if not n.startswith("grid.")}
    weights["codebooks"] = np.full_like(weights["codebooks"], np.inf)
    with pytest.raises(ModelFileError, match="not finite"):
        save_model(path, model.metadata, weights, model.grids)
    assert path.read_bytes() == good.read_bytes()


def test_names_are_made_fit_for_any_terminal():
    assert tidy_name("a\x1b[31m\n.wav") == "a?[31m?.wav"
    assert tidy_name("\udcff") == "?"
    assert len(tidy_name("x" * 999)) == 200
