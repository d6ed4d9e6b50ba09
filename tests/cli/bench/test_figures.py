"""Several scripts write to one page, each between markers of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_live.cli.bench.figures import Part, markers, text_lines, write_between_markers
from distill_live.errors import UsageError

SCRIPTS = ("bench_latency", "soak", "torture")


def page_for(folder: Path, *scripts: str) -> Path:
    page = folder / "page.md"
    page.write_text("top\n" + "".join("\n".join([*markers(script), f"behind {script}\n"]) for script in scripts))
    return page


def test_no_script_has_the_markers_of_another() -> None:
    lines = [line for script in SCRIPTS for line in markers(script)]
    assert len(set(lines)) == len(lines)
    assert not any(a in b for a in lines for b in lines if a != b), "not even as a part"


def test_each_script_replaces_its_own_figures_only(tmp_path: Path) -> None:
    page = page_for(tmp_path, *SCRIPTS)
    for script, text in (("soak", "old"), ("torture", "kept"), ("soak", "new")):
        write_between_markers(page, script, text)
    whole = page.read_text()
    assert "old" not in whole and whole.startswith("top\n")
    for script, text in (("bench_latency", ""), ("soak", "new\n"), ("torture", "kept\n")):
        begin, end = markers(script)
        assert whole.count(begin) == whole.count(end) == 1
        assert whole.partition(begin)[2].partition(end)[0] == f"\n{text}"
        assert f"{end}\nbehind {script}\n" in whole


def test_a_page_with_the_markers_of_others_has_no_place(tmp_path: Path) -> None:
    page = page_for(tmp_path, "soak")
    before = page.read_text()
    with pytest.raises(UsageError, match="no place"):
        write_between_markers(page, "torture", "x")
    begin, end = markers("soak")
    for text in (begin, end, f"{end}\n{begin}"):
        page.write_text(text)
        with pytest.raises(UsageError, match="no place"):
            write_between_markers(page, "soak", "x")
        assert page.read_text() == text
    with pytest.raises(UsageError, match="cannot read"):
        write_between_markers(tmp_path / "none.md", "soak", "x")
    assert "x" not in before


def test_what_was_not_measured_says_so_in_the_terminal() -> None:
    part = Part("soak", notes=["Ended early."])
    part.add("gaps", None, "", 0.0)
    part.add_spread("load", {"n": 0}, "%", 50.0)
    lines = text_lines(part)
    assert lines[0] == "soak" and lines[-1] == "  Ended early." and len(lines) == 7
    assert "not measured" in lines[1] and lines[1].endswith("NOT") and "at most 0" in lines[1]
    assert [line.endswith("NOT") for line in lines[2:6]] == [False, True, False, False], "the bar is for p95"
