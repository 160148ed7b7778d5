"""Tables keep their names at every width, break only long texts, and suggested commands can be pasted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from cli.layout import blocks, width, wrap
from cli.pasting import pasteable
from cli.tables import line, print_counts
from cli.upkeep_tables import print_status

TASKS = ("overall feeling of the post", "who_or_what_the_post_is_directed_against")
SCORES = [["a_learner_with_a_name_of_many_words", "1.000 [1.000, 1.000]", "1.000", "0.7"], ["b", "-", "", "12.5"]]
WORDS = st.text(st.sampled_from("ab_/-é漢`"), min_size=1, max_size=40)


@pytest.mark.parametrize("room", [30, 45, 60, 100])
def test_every_block_of_a_table_begins_with_the_names(room: int) -> None:
    drawn = blocks(["learner", "score [95 %]", "accuracy", "seconds"], SCORES, 1, room)
    assert all(block[0].startswith("learner") and block[1].startswith("a_learner") for block in drawn)
    assert all(cell_len(text) <= max(room, 42) for block in drawn for text in block)
    told = "\n".join(text for block in drawn for text in block)
    assert all(number in told for number in ("1.000 [1.000, 1.000]", "0.7", "12.5")), "numbers are not broken"


def test_what_fits_is_one_block_and_unbroken() -> None:
    (block,) = blocks(["learner", "score", "accuracy", "seconds"], SCORES, 1, 100)
    assert len(block) == 3 and block[1].startswith("a_learner_with_a_name_of_many_words  1.000 [")


def test_a_column_of_which_no_row_has_anything_is_left_out() -> None:
    assert blocks(["learner", "size", "score"], [["a", "", "1"], ["b", "", "2"]], 1, 80)[0][0] == "learner  score"
    assert blocks(["learner", "size"], [], 1, 80) == [["learner  size"]]


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=8), st.integers(2, 60))
def test_wrapping_loses_nothing_and_keeps_within_the_columns(words: list[str], columns: int) -> None:
    text = " ".join(words)
    lines = wrap(text, columns)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(part) <= columns or "`" in part for part in lines)


def test_names_are_broken_at_their_joints_and_commands_are_not() -> None:
    assert wrap("who_or_what_it_is_against", 12) == ["who_or_what_", "it_is_", "against"]
    assert wrap("try `ensemble stack --task humour` now", 12) == ["try", "`ensemble stack --task humour`", "now"]


def test_columns_are_those_of_the_environment_or_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert width() == 72
    monkeypatch.setenv("COLUMNS", "wide")
    assert width() == 100
    monkeypatch.delenv("COLUMNS")
    assert width() == 100


@pytest.mark.parametrize("columns", [72, 100, 160])
def test_a_status_of_long_names_fits(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    learners = {"a_learner_with_a_name_of_many_words": {task: {"done": 3} for task in TASKS}}
    print_status({"jobs": {"done": 6}, "learners": learners, "imported": {}, "reasons": {}})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    told = "".join("".join(lines).split())
    assert told.count("a_learner_with") == len(TASKS), "a row each"


def test_classes_of_long_names_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_counts("rows", {"mood": {"good": 3, "bad": 4}, "irony": {"no": 7}})
    assert capsys.readouterr().out.splitlines()[1:] == ["task", "mood   good: 3  bad: 4", "irony    no: 7", ""]
    long = {f"{number}_a_class_with_a_name_of_many_words": number for number in range(1, 5)}
    print_counts("rows", {TASKS[0]: long})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["task", "class", "rows"]
    assert all(text.endswith(f" {number}") for number, text in enumerate(lines[2:6], start=1))


def test_control_characters_of_strangers_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    line("a \x1b[31mred\x1b[0m class")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status"], "`ensemble train-base`"),
        (["status", "-c", "my runs/a.toml"], "`ensemble train-base -c 'my runs/a.toml'`"),
        (["status", "--config=a.toml", "--set", "folds.k=4"], "`ensemble train-base --config=a.toml --set folds.k=4`"),
        (
            ["status", "--set", "a.b=['c d']", "--set=e=1"],
            "`ensemble train-base --set 'a.b=['\"'\"'c d'\"'\"']' --set=e=1`",
        ),
    ],
)
def test_a_suggested_command_has_the_configuration_of_this_one(arguments: list[str], said: str) -> None:
    assert pasteable("Run `ensemble train-base`.", arguments) == f"Run {said}."


def test_a_suggestion_that_needs_no_configuration_or_names_one_stays() -> None:
    for text in (
        "`ensemble init csv --root .`",
        "`ensemble predict new.csv`",
        "`ensemble stack -c b.toml`",
        "ensemble stack",
    ):
        assert pasteable(text, ["stack", "-c", "a.toml"]) == text
