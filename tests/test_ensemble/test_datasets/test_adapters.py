"""The published layouts: Memotion, MVSA-Single and Hateful Memes, each from a few real files."""

import json
from pathlib import Path

import pandas as pd
import pytest

from ensemble.data import Dataset
from ensemble.datasets import ADAPTERS, hateful_memes, memotion, mvsa
from ensemble.errors import DataError
from ensemble.registry import resolve

MEMOTION = {
    "image_name": ["1.jpg", "2.png", "3.jpg", "4.jpg"],
    "text_ocr": ["OCR ONE", "OCR TWO", "OCR THREE", ""],
    "text_corrected": ["one", "", "  ", ""],
    "humour": ["hilarious", "not_funny", "funny", "very_funny"],
    "sarcasm": ["general", "not_sarcastic", "twisted_meaning", "very_twisted"],
    "offensive": ["not_offensive", "slight", "very_offensive", "hateful_offensive"],
    "motivational": ["not_motivational", "motivational", "motivational", "not_motivational"],
    "overall_sentiment": ["very_positive", "negative", "neutral", "very_negative"],
}


def write_memotion(root: Path, **changes: list[str]) -> Path:
    (root / "images").mkdir(parents=True, exist_ok=True)
    pd.DataFrame(MEMOTION | changes).to_csv(root / "labels.csv", index=False)
    test = {"image_name": ["9.jpg"], "text_ocr": ["nine"], "text_corrected": [""]}
    pd.DataFrame(test).to_csv(root / "test.csv", index=False)
    return root


def column(data: Dataset, name: str) -> list[str | None]:
    return [None if pd.isna(value) else value for value in data.frame[name]]


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_preset_resolves_to_a_function(name: str) -> None:
    assert callable(resolve(ADAPTERS, "preset", name))


def test_memotion_strings_become_the_tasks_of_a_b_and_c(tmp_path: Path) -> None:
    data = memotion.read(write_memotion(tmp_path))
    assert column(data, "sentiment") == ["1", "-1", "0", "-1", None]
    assert column(data, "humour_degree") == ["3", "0", "1", "2", None]
    assert column(data, "humour") == ["1", "0", "1", "1", None]
    assert column(data, "sarcasm_degree") == ["1", "0", "2", "3", None]
    assert column(data, "offensive_degree") == ["0", "1", "2", "3", None]
    assert column(data, "motivational") == ["0", "1", "1", "0", None]
    assert data.frame["part"].tolist() == ["train"] * 4 + ["test"]


def test_memotion_binary_labels_are_one_exactly_where_the_degree_is_above_zero(tmp_path: Path) -> None:
    data = memotion.read(write_memotion(tmp_path))
    assert len(data.linked_tasks) == 3
    for binary, degree in data.linked_tasks:
        train = data.frame.iloc[:4]
        assert ((train[binary] == "1") == (train[degree] > "0")).all()


def test_memotion_subtasks_name_tasks_that_are_there(tmp_path: Path) -> None:
    data = memotion.read(write_memotion(tmp_path))
    assert set(data.subtasks) == {"A", "B", "C"}
    assert {name for names in data.subtasks.values() for name in names} == set(data.task_names)


def test_memotion_falls_back_to_the_ocr_text_where_no_corrected_one_is(tmp_path: Path) -> None:
    data = memotion.read(write_memotion(tmp_path))
    assert data.texts == ["one", "OCR TWO", "OCR THREE", None, "nine"]
    assert data.images[0] == "images/1.jpg"


def test_memotion_names_row_and_value_of_an_unknown_label(tmp_path: Path) -> None:
    write_memotion(tmp_path, humour=["hilarious", "not_funny", "funy", "very_funny"])
    with pytest.raises(DataError, match=r"labels\.csv: row '3\.jpg' has humour 'funy'; it must be one of"):
        memotion.read(tmp_path)


def test_memotion_without_a_column_suggests_the_nearest(tmp_path: Path) -> None:
    write_memotion(tmp_path)
    pd.DataFrame(MEMOTION).rename(columns={"humour": "humor"}).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(DataError, match=r"Unknown column 'humour'. Did you mean 'humor'\?"):
        memotion.read(tmp_path)


def test_memotion_without_image_folder_is_refused(tmp_path: Path) -> None:
    write_memotion(tmp_path)
    (tmp_path / "images").rmdir()
    with pytest.raises(DataError, match=r"image folder .*images does not exist"):
        memotion.read(tmp_path)


def test_memotion_can_be_read_without_its_test_file(tmp_path: Path) -> None:
    assert len(memotion.read(write_memotion(tmp_path), test=None)) == 4


def write_mvsa(root: Path, texts: dict[str, bytes]) -> Path:
    (root / "data").mkdir(parents=True)
    for guid, raw in texts.items():
        (root / "data" / f"{guid}.txt").write_bytes(raw)
    return root


POSTS = {"1": b"caf\xc3\xa9", "2": "好".encode("gb18030"), "3": b"bad \xe9", "4": b" \n", "5": b"\xef\xbb\xbffive"}


def write_tags(root: Path) -> Path:
    write_mvsa(root, POSTS)
    (root / "train.txt").write_text("guid,tag\n1,positive\n2,negative\n3,neutral\n4,null\n")
    (root / "test_without_label.txt").write_text("guid,tag\n5,null\n6,null\n")
    return root


def test_mvsa_tags_and_texts_of_every_encoding_are_read(tmp_path: Path) -> None:
    data = mvsa.read(write_tags(tmp_path))
    assert data.texts == ["café", "好", None, None, "five", None]
    assert column(data, "text_encoding") == ["utf-8", "gb18030", "unreadable", "utf-8", "utf-8", "missing"]
    assert column(data, "sentiment") == ["positive", "negative", "neutral", None, None, None]
    assert data.frame["part"].tolist() == ["train"] * 4 + ["test"] * 2
    assert data.images[0] == "data/1.jpg"


def test_a_label_rule_that_has_nothing_to_do_is_noted(tmp_path: Path) -> None:
    write_tags(tmp_path)
    (note,) = mvsa.read(tmp_path, rule="agree").notes
    assert note == "train.txt has one label for each post, so the label rule 'agree' has nothing to choose from"
    assert mvsa.read(tmp_path).notes == ()


def test_mvsa_names_row_and_value_of_an_unknown_tag(tmp_path: Path) -> None:
    (write_tags(tmp_path) / "train.txt").write_text("guid,tag\n1,positive\n2,happy\n")
    with pytest.raises(DataError, match=r"train\.txt: row '2' has tag 'happy'"):
        mvsa.read(tmp_path)


def test_mvsa_does_not_follow_an_id_out_of_the_folder(tmp_path: Path) -> None:
    (write_tags(tmp_path / "root") / "train.txt").write_text("guid,tag\n../../secret,positive\n")
    with pytest.raises(DataError, match=r"Row '\.\./\.\./secret'.*leaves the image folder"):
        mvsa.read(tmp_path / "root")


PUBLISHED = [
    ("1", "positive", "positive"),
    ("2", "neutral", "positive"),
    ("3", "negative", "neutral"),
    ("4", "positive", "negative"),
    ("5", "neutral", "neutral"),
]


@pytest.mark.parametrize(
    ("rule", "ids", "labels"),
    [
        ("combine", "1 2 3 5", "positive positive negative neutral"),
        ("agree", "1 5", "positive neutral"),
        ("text", "1 2 3 4 5", "positive neutral negative positive neutral"),
        ("image", "1 2 3 4 5", "positive positive neutral negative neutral"),
    ],
)
def test_mvsa_makes_one_label_of_two_by_the_rule(tmp_path: Path, rule: mvsa.Rule, ids: str, labels: str) -> None:
    write_mvsa(tmp_path, POSTS)
    lines = ["ID\ttext,image", *(f"{name}\t{text},{image}" for name, text, image in PUBLISHED)]
    (tmp_path / "labelResultAll.txt").write_text("\n".join(lines) + "\n")
    data = mvsa.read(tmp_path, rule=rule)
    assert data.ids.tolist() == ids.split()
    assert column(data, "sentiment") == labels.split()
    assert data.notes == (f"{5 - len(ids.split())} of 5 posts left out by the label rule {rule!r}",)
    assert data.texts[0] == "café"


def test_mvsa_takes_the_majority_of_three_annotators_and_drops_what_has_none(tmp_path: Path) -> None:
    write_mvsa(tmp_path, POSTS)
    rows = [
        "ID\ttext,image\ttext,image\ttext,image",
        "1\tneutral,positive\tpositive,positive\tpositive,neutral",
        "2\tneutral,positive\tnegative,positive\tpositive,positive",
        "3\tnegative,neutral\tnegative,neutral\tneutral,positive",
        "5\tneutral,neutral\tneutral,neutral\tneutral,neutral",
    ]
    (tmp_path / "labelResultAll.txt").write_text("\r\n".join(rows))
    found = {}
    for rule in ("agree", "combine", "image"):
        data = mvsa.read(tmp_path, rule=rule)  # type: ignore[arg-type]
        found[rule] = dict(zip(data.ids, column(data, "sentiment"), strict=True))
    assert found["agree"] == {"1": "positive", "5": "neutral"}
    assert found["combine"] == {"1": "positive", "3": "negative", "5": "neutral"}
    assert found["image"] == {"1": "positive", "2": "positive", "3": "neutral", "5": "neutral"}
    (note,) = data.notes
    assert note == "0 of 4 posts left out by the label rule 'image', of 3 annotators the majority's"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["ID,text,image", "1,neutral,neutral"],
            r"the header must be 'ID<tab>text,image', a pair per annotator, found",
        ),
        ([], r"the header must be"),
        (["ID\ttext,image", "1\tneutral,neutral", "2\tneutral"], r"row 2 has 2 values, the header has 3"),
        (["ID\ttext,image\ttext,image", "1\tneutral,neutral"], r"row 1 has 3 values, the header has 5"),
        (["ID\ttext,image", "1\tneutral,glad"], r"row '1' has image 0 'glad'; it must be one of"),
    ],
)
def test_mvsa_labels_that_are_not_as_published_are_refused_in_one_line(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    write_mvsa(tmp_path, POSTS)
    (tmp_path / "labelResultAll.txt").write_text("\n".join(lines))
    with pytest.raises(DataError, match=message) as caught:
        mvsa.read(tmp_path)
    assert "\n" not in str(caught.value)


def balanced(root: Path, posts: list[tuple[str, str]], per_class: int = 2) -> Dataset:
    """Read from a table of these ids and tags; one more post is to be predicted."""
    (root / "data").mkdir(parents=True)
    (root / "train.txt").write_text("guid,tag\n" + "".join(f"{name},{tag}\n" for name, tag in posts))
    (root / "test_without_label.txt").write_text("guid,tag\n999,null\n")
    return mvsa.read(root, per_class=per_class)


def test_mvsa_keeps_as_many_posts_of_each_label_as_asked_for_whatever_other_posts_there_are(tmp_path: Path) -> None:
    tags = ["positive"] * 7 + ["negative"] * 4 + ["neutral"] * 2 + ["null"]
    posts = [(str(number), tag) for number, tag in enumerate(tags)]
    data = balanced(tmp_path / "one", posts)
    labels = column(data, "sentiment")
    assert {name: labels.count(name) for name in mvsa.TAGS} == dict.fromkeys(mvsa.TAGS, 2)
    assert data.frame["part"].tolist() == ["train"] * 6 + ["test"] and data.ids[-1] == "999"
    assert data.notes == ("8 of 14 training posts left out: 2 of each label are kept",)
    other = balanced(tmp_path / "two", [*posts[::-1], ("50", "null")])
    assert set(other.ids) == set(data.ids)
    fewer = balanced(tmp_path / "three", [post for post in posts if post[0] in data.ids], per_class=1)
    assert set(fewer.ids) < set(data.ids)


@pytest.mark.parametrize("per_class", [0, 3])
def test_mvsa_has_no_more_posts_of_a_label_than_there_are(tmp_path: Path, per_class: int) -> None:
    posts = [("1", "positive"), ("2", "negative"), ("3", "neutral"), ("4", "positive"), ("5", "negative")]
    with pytest.raises(
        DataError, match=rf"per_class must be between 1 and 1, the posts labelled neutral, got {per_class}"
    ):
        balanced(tmp_path, posts, per_class)


def test_mvsa_without_any_labels_says_what_it_looked_for(tmp_path: Path) -> None:
    write_mvsa(tmp_path, POSTS)
    with pytest.raises(DataError, match=r"Neither train\.txt nor labelResultAll\.txt is in"):
        mvsa.read(tmp_path)


def write_lines(path: Path, *rows: dict[str, object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_hateful_memes_are_read_with_and_without_labels(tmp_path: Path) -> None:
    first = {"id": 8291, "img": "img/08291.png", "label": 1, "text": "white people is this a shooting range"}
    write_lines(tmp_path / "train.jsonl", first, {"id": "01", "img": "img/01.png", "label": 0, "text": "null"})
    write_lines(tmp_path / "test_seen.jsonl", {"id": 16395, "img": "img/16395.png", "text": "NA"})
    data = hateful_memes.read(tmp_path)
    assert data.ids.tolist() == ["8291", "01", "16395"]
    assert data.texts[1:] == ["null", "NA"]
    assert data.images[0] == "img/08291.png"
    assert column(data, "hateful") == ["1", "0", None]
    assert data.frame["part"].tolist() == ["train", "train", "test"]


def test_hateful_memes_labels_survive_rows_without_one(tmp_path: Path) -> None:
    row = {"img": "img/1.png", "text": "a"}
    write_lines(tmp_path / "train.jsonl", {"id": 1, "label": 1} | row, {"id": 2} | row, {"id": 3, "label": None} | row)
    assert column(hateful_memes.read(tmp_path, test=()), "hateful") == ["1", None, None]


def test_hateful_memes_in_both_parts_are_refused(tmp_path: Path) -> None:
    row = {"id": 1, "img": "img/1.png", "text": "a", "label": 0}
    write_lines(tmp_path / "train.jsonl", row)
    with pytest.raises(DataError, match="1 ids appear more than once: '1'"):
        hateful_memes.read(tmp_path, test=("train.jsonl",))


def test_a_json_line_that_is_broken_is_refused_with_the_file_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"id": 1, "img": "a", "text": "b"}\n{"id": 2, "img"\n')
    with pytest.raises(DataError, match=r"train\.jsonl: not a readable jsonl table"):
        hateful_memes.read(tmp_path)


def test_text_with_half_an_emoji_is_still_text(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"id": 1, "img": "a", "text": "so \\ud83d sad"}\n')
    assert hateful_memes.read(tmp_path, test=()).texts == ["so ? sad"]


def test_memotion_without_a_test_file_has_no_test_rows_and_says_so(tmp_path: Path) -> None:
    (write_memotion(tmp_path) / "test.csv").unlink()
    data = memotion.read(tmp_path)
    assert len(data) == 4 and data.notes[0].startswith("there is no test.csv, so there are no test rows")
    with pytest.raises(DataError, match=r"No such file: .*held\.csv"):
        memotion.read(tmp_path, test="held.csv")
