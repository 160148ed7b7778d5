"""Tables in JSON: whatever form a file of posts has, or a line that names what it is."""

import json

import pandas as pd
import pytest

from ensemble.datasets.json_tables import read_json_table

POSTS = [{"id": "7", "text": "a", "mood": "up"}, {"id": "8", "text": "b", "mood": "down"}]
FRAME = pd.DataFrame(POSTS)
FORMS = {
    "lines": "".join(json.dumps(post) + "\n" for post in POSTS),
    "array": json.dumps(POSTS),
    "array of several lines": json.dumps(POSTS, indent=1),
    "by id": json.dumps({post["id"]: {"text": post["text"], "mood": post["mood"]} for post in POSTS}),
    "by id, which is inside, too": json.dumps({post["id"]: post for post in POSTS}, indent=1),
    "under a key": json.dumps({"version": "1.0", "data": POSTS}),
    "columns": FRAME.to_json(),
    "lists": json.dumps(FRAME.to_dict(orient="list")),
    "split": FRAME.to_json(orient="split"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_posts(form: str) -> None:
    frame, _ = read_json_table(FORMS[form])
    assert frame[["id", "text", "mood"]].to_dict(orient="records") == POSTS


def test_posts_by_id_are_said_to_be_that() -> None:
    assert read_json_table(FORMS["by id"])[1] == ["an object of posts; its keys are the column 'id'"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ('{"id": 1}\n{"id": 2\n', "line 2: "),
        ('{"id": 1\n{"id": 2}\n', "line 1: "),
        ('{"id": 1}\n[2]\n', "line 2 is a list of 1 values, not a JSON object"),
        ('[{"id": 1},\n 2]', "row 2 is the single value '2', not a JSON object"),
        ('[{"id": 1},\n {"id": 2]', "line 2: "),
        ('"posts"', "it holds the single value 'posts'"),
        ('{"1": {"t": "a"}, "1": {"t": "b"}}', "has '1' twice, so one would vanish"),
        ('{"id": 1, "id": 2}\n{"id": 3}\n', "line 1: an object has 'id' twice"),
        ('{"a": [1],\n "b": 2}', "it holds an object with the keys 'a', 'b', not a table"),
    ],
)
def test_anything_else_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_json_table(text)


def test_one_object_in_one_line_is_a_table_of_one_post() -> None:
    assert len(read_json_table('{"id": 1, "image": {"bytes": null}, "text": "a"}\n')[0]) == 1


def test_absent_keys_are_said_with_the_first_line() -> None:
    _, notes = read_json_table('{"id": 1, "text": "a"}\n{"id": 2, "txet": "b"}\n{"id": 3, "text": "c"}\n')
    assert notes == ["keys are absent: 'text' in 1 rows (first in line 2), 'txet' in 2 rows (first in line 1)"]
