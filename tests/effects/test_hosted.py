"""The list of hosted plugins: a file that a person may edit, and descriptions that nobody trusts blindly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distill_live.effects.hosted import (
    Entry,
    HostedPlugin,
    check_effect_name,
    description_path,
    drop_plugin,
    find_hosted,
    list_path,
    name_for,
    put_plugin,
)
from distill_live.effects.hosted_params import Asked, describe
from distill_live.effects.params import declare_effects
from distill_live.effects.registry import find_effects
from distill_live.errors import DistillError, UnknownNameError, UsageError
from distill_live.params import Registry

pytestmark = pytest.mark.usefixtures("own_home")


def a_plugin(name="zed", path="/plugins/Zed.vst3", inside=""):
    gain = describe(Asked(4, "Gain", "dB", 2, 0.0, ("0.0", "6.0")), name, "Zed", "gain")
    return HostedPlugin(Entry(name, Path(path), inside), "Zed", "Zoe", "1.2", 2, 0, (gain,))


def test_without_a_list_there_are_no_plugins_and_nothing_to_say():
    assert find_hosted().plugins == () and find_hosted().messages == ()


def test_what_was_put_is_found_in_the_order_of_the_list():
    first, second = a_plugin("zed"), a_plugin("aha", "/plugins/Aha.vst3", "Aha Two")
    put_plugin(first)
    put_plugin(second)
    assert find_hosted().plugins == (first, second)


def test_the_same_name_again_takes_its_place():
    put_plugin(a_plugin("zed", inside="One"))
    put_plugin(a_plugin("aha"))
    put_plugin(a_plugin("zed"))
    assert [plugin.entry for plugin in find_hosted().plugins] == [
        Entry("zed", Path("/plugins/Zed.vst3")),
        Entry("aha", Path("/plugins/Zed.vst3")),
    ]


def test_comments_of_the_person_who_wrote_them_stay():
    put_plugin(a_plugin("aha"))
    list_path().write_text(list_path().read_text() + "# my favourite\n")
    put_plugin(a_plugin("aha"))
    put_plugin(a_plugin("zed"))
    drop_plugin("zed")
    assert "# my favourite" in list_path().read_text()
    assert [plugin.entry.name for plugin in find_hosted().plugins] == ["aha"]


def test_after_the_last_one_is_gone_the_next_one_can_come():
    put_plugin(a_plugin())
    assert drop_plugin("zed") == Path("/plugins/Zed.vst3")
    assert not description_path("zed").exists() and find_hosted().plugins == ()
    put_plugin(a_plugin("aha"))
    assert "[[plugin]]" in list_path().read_text() and len(find_hosted().plugins) == 1


def test_who_is_not_on_the_list_cannot_be_dropped():
    with pytest.raises(UnknownNameError, match="plugins add PATH"):
        drop_plugin("zed")
    put_plugin(a_plugin())
    with pytest.raises(UnknownNameError, match="use one of zed"):
        drop_plugin("zet")


def test_a_line_written_by_hand_is_asked_to_be_looked_at():
    list_path().parent.mkdir(parents=True)
    list_path().write_text('[[plugin]]\npath = "/plugins/Zed.vst3"\n')
    found = find_hosted()
    assert found.plugins == ()
    assert "nobody has looked at /plugins/Zed.vst3 yet" in found.messages[0]
    assert "distill-live plugins add /plugins/Zed.vst3 --name zed" in found.messages[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[plugin]\n", "is not TOML"),
        ("plugin = 3\n", "is no list of plugins"),
        ("plugin = [1]\n", "is no list of plugins"),
        ('[[plugin]]\nname = "zed"\n', "has no path"),
        ('[[plugin]]\npath = 3\nname = "zed"\n', "has no path"),
        ('[[plugin]]\npath = "/x.vst3"\nname = "../zed"\n', "cannot be the name of an effect"),
        ('[[plugin]]\npath = "/x.vst3"\n[[plugin]]\npath = "/y/x.vst3"\n', "another one is called 'x'"),
        ("\xff\xfe", "is not TOML"),
    ],
)
def test_a_list_that_is_damaged_is_one_sentence_each_and_the_built_in_effects_play(text, says):
    list_path().parent.mkdir(parents=True)
    list_path().write_bytes(text.encode("latin-1"))
    found = find_hosted()
    assert found.plugins == ()
    assert any(says in message for message in found.messages)
    assert "reverb" in find_effects().classes


@pytest.mark.parametrize(
    "harm",
    [
        lambda told: [],
        lambda told: {**told, "version": 2},
        lambda told: {**told, "channels": 7},
        lambda told: {**told, "latency": -1},
        lambda told: {**told, "params": [{}]},
        lambda told: {**told, "params": 3},
        lambda told: {**told, "path": "/plugins/Other.vst3"},
        lambda told: {key: told[key] for key in told if key != "title"},
    ],
)
def test_a_damaged_description_leaves_its_plugin_out_and_no_other(harm):
    put_plugin(a_plugin("zed"))
    put_plugin(a_plugin("aha"))
    told = json.loads(description_path("zed").read_text())
    description_path("zed").write_text(json.dumps(harm(told)))
    found = find_hosted()
    assert [plugin.entry.name for plugin in found.plugins] == ["aha"]
    assert len(found.messages) == 1 and found.messages[0].startswith("effect plugin zed cannot be used: ")
    assert "--name zed` looks at it again" in found.messages[0]


def test_a_description_that_was_cut_off_is_damaged():
    put_plugin(a_plugin())
    description_path("zed").write_bytes(description_path("zed").read_bytes()[:100])
    assert "is damaged" in find_hosted().messages[0]


def test_a_hosted_plugin_is_declared_with_its_switch_and_without_being_there():
    put_plugin(a_plugin())
    registry = Registry()
    declared = declare_effects(find_effects(), registry)
    assert list(declared.classes)[-1] == "zed"
    assert [param.id for param in registry.group("fx.zed")] == ["fx.zed.on", "fx.zed.gain"]


def test_a_hosted_plugin_does_not_take_the_name_of_another_effect():
    put_plugin(a_plugin("reverb"))
    found = find_effects()
    assert found.classes["reverb"].__module__ == "distill_live.effects.reverb"
    assert "effect plugin reverb (/plugins/Zed.vst3) cannot be used: another effect has that name" in found.messages


def test_parameters_that_claim_another_effects_ids_leave_the_plugin_out():
    put_plugin(a_plugin("zed"))
    told = json.loads(description_path("zed").read_text())
    told["params"][0]["id"] = "volume"
    description_path("zed").write_text(json.dumps(told))
    declared = declare_effects(find_effects(), Registry())
    assert "zed" not in declared.classes and "does not begin with fx.zed." in declared.messages[0]


def test_a_library_that_cannot_be_written_is_said(own_home):
    own_home.parent.mkdir(parents=True, exist_ok=True)
    own_home.write_text("a file where a folder should be")
    with pytest.raises(DistillError, match=r"cannot (read|write)"):
        put_plugin(a_plugin())


@pytest.mark.parametrize("name", ["", "Zed", "z d", "../z", "9zed", "z" * 41, "zed\n"])
def test_what_cannot_be_an_effects_name_is_refused(name):
    with pytest.raises(UsageError, match="lower-case letters, digits and dashes"):
        check_effect_name(name)


@pytest.mark.parametrize("stem", ["ZamDelay", "TAL-Reverb 4", "4Front", "Größe", "♯", "x" * 90, "-a-", "a." * 30])
def test_every_file_suggests_a_name_that_an_effect_can_have(stem):
    assert check_effect_name(name_for(Path(f"/plugins/{stem}.vst3")))
