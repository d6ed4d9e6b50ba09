"""Code grids, the bank and the live edits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.codes.bank import Bank, Slot, slot_number
from distill_live.codes.edits import ColumnEditor, LevelEdit, blend
from distill_live.codes.grid import CodeGrid, load_grid
from distill_live.codes.params import REMAP_LABELS, SLOT_LABELS
from distill_live.codes.remap import remap_table
from distill_live.errors import AudioFileError, DistillError, UnknownNameError

K, D, H, Q = 16, 4, 2, 3
RNG = np.random.default_rng(1)
VECTORS = RNG.standard_normal((Q, K, D)).astype(np.float32)
SOUND = RNG.integers(0, K, (5, H, Q)).astype(np.int16)
COLUMN = RNG.integers(0, K, (H, Q)).astype(np.int16)


def editor() -> ColumnEditor:
    bank = Bank()
    bank.put(3, Slot("bell", SOUND))
    return ColumnEditor(VECTORS, bank)


def latents_of(codes: np.ndarray) -> np.ndarray:
    return np.sum([VECTORS[q][codes[:, q]] for q in range(Q)], axis=0)


def test_without_edits_a_column_is_the_sum_of_its_vectors() -> None:
    out = editor().edit(COLUMN, 7, [LevelEdit()] * Q)
    assert (out.codes == COLUMN).all() and np.allclose(out.latents, latents_of(COLUMN)) and not out.distance.any()


def test_a_swap_replaces_one_level_by_the_slots_column_at_the_counter() -> None:
    out = editor().edit(COLUMN, 12, [LevelEdit(), LevelEdit(swap=3), LevelEdit()])
    wanted = COLUMN.copy()
    wanted[:, 1] = SOUND[12 % 5][:, 1]
    assert (out.codes == wanted).all() and np.allclose(out.latents, latents_of(wanted))


def test_a_swap_with_an_empty_slot_changes_nothing() -> None:
    out = editor().edit(COLUMN, 0, [LevelEdit(swap=9)] * Q)
    assert (out.codes == COLUMN).all()


def test_a_muted_level_adds_nothing_and_says_minus_one() -> None:
    out = editor().edit(COLUMN, 0, [LevelEdit(mute=True)] * Q)
    assert (out.codes == -1).all() and not out.latents.any()


def test_a_held_level_keeps_its_codes() -> None:
    held = np.array([1, 2], np.int16)
    out = editor().edit(COLUMN, 0, [LevelEdit(held=held), LevelEdit(), LevelEdit()])
    assert (out.codes[:, 0] == held).all() and (out.codes[:, 1:] == COLUMN[:, 1:]).all()


@given(amount=st.floats(0.0, 1.0))
def test_a_blend_lies_on_the_line_between_and_names_its_nearest_code(amount: float) -> None:
    a, b = np.array([1], np.int16), np.array([5], np.int16)
    mixed, nearest, distance = blend(VECTORS[0], a, b, amount)
    line = (1 - amount) * VECTORS[0][1] + amount * VECTORS[0][5]
    assert np.allclose(mixed[0], line, atol=1e-5)
    gaps = np.linalg.norm(VECTORS[0] - mixed[0], axis=1)
    assert gaps[nearest[0]] == pytest.approx(gaps.min(), abs=1e-5)
    assert distance == pytest.approx(gaps.min(), abs=1e-3)


@pytest.mark.parametrize("rule", [r for r in REMAP_LABELS if r != "off"])
def test_every_remap_exchanges_codes_within_the_codebook(rule: str) -> None:
    table = remap_table(rule, VECTORS[0], 0)
    assert table.dtype == np.int16 and table.min() >= 0 and table.max() < K and (table != np.arange(K)).any()
    if rule != "neighbour":
        assert sorted(table) == list(range(K))


def test_neighbour_never_maps_a_code_to_itself() -> None:
    assert (remap_table("neighbour", VECTORS[0], 0) != np.arange(K)).all()


def test_an_unknown_remap_is_named() -> None:
    with pytest.raises(UnknownNameError, match="sideways"):
        remap_table("sideways", VECTORS[0], 0)


@pytest.mark.parametrize("edit", [LevelEdit(), LevelEdit(swap=3), LevelEdit(swap=3, amount=0.4), LevelEdit(mute=True)])
@pytest.mark.parametrize("remap", REMAP_LABELS)
def test_one_code_is_edited_as_its_column_is(edit: LevelEdit, remap: str) -> None:
    edit = LevelEdit(edit.swap, edit.amount, None, edit.mute, remap)
    whole = editor().edit(COLUMN, 4, [edit] * Q).codes
    for row in range(H):
        for level in range(Q):
            assert editor().edit_code(int(COLUMN[row, level]), row, 4, level, edit) == whole[row, level]


@pytest.mark.parametrize(("label", "number"), [("off", 0), ("OFF", 0), ("16", 16), (1, 1), (2.0, 2)])
def test_slots_are_named_by_label_or_number(label: object, number: int) -> None:
    assert slot_number(label) == number  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["17", "bell", -1, 17, 1.5, ""])
def test_a_slot_that_does_not_exist_is_refused(bad: object) -> None:
    with pytest.raises(UnknownNameError):
        slot_number(bad)  # type: ignore[arg-type]


def test_there_are_sixteen_slots_and_off() -> None:
    assert len(SLOT_LABELS) == 17 and Bank().names == [""] * 16


def test_a_grid_file_reads_back(tmp_path: Path) -> None:
    grid = CodeGrid(SOUND, "ab" * 32, 12345, "bell.wav")
    grid.save(tmp_path / "grid.npz")
    back = load_grid(tmp_path / "grid.npz")
    assert (back.codes == SOUND).all() and back.codes.dtype == np.int16
    assert (back.model_sha256, back.source_samples, back.name) == ("ab" * 32, 12345, "bell.wav")


def test_a_damaged_foreign_or_missing_grid_gets_one_sentence(tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    CodeGrid(SOUND, "x", 1).save(good)
    data = good.read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "foreign.npz", a=np.zeros(3))
    np.savez(tmp_path / "object.npz", format=np.array([{}], dtype=object), allow_pickle=True)
    for name in ("cut", "text", "foreign", "object", "none"):
        with pytest.raises(AudioFileError) as caught:
            load_grid(tmp_path / f"{name}.npz")
        assert "\n" not in str(caught.value)


def test_a_grid_of_another_model_is_refused() -> None:
    grid = CodeGrid(SOUND, "mine", 1, "bell")
    assert grid.for_model("mine", K, H, Q) is grid
    for other in (("theirs", K, H, Q), ("mine", 2, H, Q), ("mine", K, 1, Q)):
        with pytest.raises(DistillError, match="bell"):
            grid.for_model(*other)
