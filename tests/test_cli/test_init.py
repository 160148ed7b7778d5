"""``init csv --train``: a look at the tables writes a configuration that runs as it is."""

from pathlib import Path

import pandas as pd
import pytest
from support.shell import Ensemble
from support.world import picture

from ensemble.config import load_config


def table(count: int = 60) -> pd.DataFrame:
    texts = [f"{'lovely' if n % 2 else 'gloomy'} caf\u00e9, I don\u2019t know {n}" for n in range(count)]
    return pd.DataFrame(
        {
            "key": [f"c{n}" for n in range(count)],
            "user": [f"u{n % 20}" for n in range(count)],
            "words": texts,
            "mood": [f"{n % 2}.0" for n in range(count)],
        }
    )


def images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for seed, name in enumerate(names):
        picture(20 + seed, 20).save(folder / name)


def test_a_semicolon_table_of_a_spreadsheet_runs_unedited_to_a_submission(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    posts = table()
    root = tmp_path / "posts"
    images(root / "pics", [f"{key}.jpg" for key in posts["key"]])
    posts[:48].to_csv(root / "train.csv", sep=";", index=False, encoding="cp1252")
    posts[48:].drop(columns="mood").to_csv(root / "test.csv", sep=";", index=False, encoding="cp1252")
    said = ensemble("init", "csv", "--train", "posts/train.csv", "--label", "mood", "--group", "user")
    assert said.code == 0, said.err
    for line in (
        "mood: classes 0, 1",
        "test file: test.csv",
        "id: column key",
        "image: files pics/{id}.jpg, named by the column key",
        "text: column words",
        "separated by semicolons",
        "read as cp1252 (Western European), so that it says 'café', 'don\u2019t'",
        "mood: read '0.0' as '0', '1.0' as '1'",
        "learners text, image, both: left out",
    ):
        assert line in said.out
    data = load_config(tmp_path / "ensemble.toml").data
    assert data.root == Path("posts") and (data.model_extra or {})["delimiter"] == "semicolon"
    for command in ("data", "train-base", "stack", "submit"):
        outcome = ensemble(command)
        assert outcome.code == 0, outcome.err
    lines = (tmp_path / "artifacts" / "posts" / "submission" / "submission.csv").read_text().splitlines()
    assert lines[0] == "key,mood" and [line.split(",")[0] for line in lines[1:]] == posts["key"][48:].tolist()


def test_a_column_of_paths_and_one_of_parts_are_found(ensemble: Ensemble, tmp_path: Path) -> None:
    posts = table().assign(file=[f"{n}.png" for n in range(60)], split=["train"] * 50 + ["test"] * 10)
    images(tmp_path / "data" / "images", list(posts["file"]))
    posts.to_json(tmp_path / "data" / "all.jsonl", orient="records", lines=True)
    said = ensemble("init", "csv", "--train", "data/all.jsonl", "--label", "mood", "--id", "key")
    assert said.code == 0, said.err
    found = load_config(tmp_path / "ensemble.toml").data.model_extra or {}
    assert found["image"] == "file" and found["images"] == "images" and found["test_column"] == "split"
    assert "column 'user' has 20 values in 60 rows" in said.out and "--group user" in said.out


def test_without_ids_the_names_of_the_images_are_the_ids(ensemble: Ensemble, tmp_path: Path) -> None:
    posts = table().drop(columns="key").assign(file_name=[f"{n}.png" for n in range(60)])
    images(tmp_path / "data", list(posts["file_name"]))
    posts[:50].to_csv(tmp_path / "data" / "training.csv", sep="\t", index=False)
    posts[50:].drop(columns="mood").to_csv(tmp_path / "data" / "Test.csv", sep="\t", index=False)
    said = ensemble("init", "csv", "--train", "data/training.csv", "--label", "mood")
    assert said.code == 0, said.err
    found = load_config(tmp_path / "ensemble.toml").data.model_extra or {}
    assert (found["id"], found["image"], found["test"]) == ("file_name", "file_name", "Test.csv")


def test_images_that_are_elsewhere_and_classes_that_look_alike_are_told(ensemble: Ensemble, tmp_path: Path) -> None:
    moods = ["Yes", "yes", "n/a"] * 20
    links = [f"https://example.org/{n}.jpg?size=1" for n in range(60)]
    posts = table().assign(mood=moods, photo=[f"pics/{n}.jpg" for n in range(60)], link=links)
    posts.to_csv(tmp_path / "posts.csv", index=False)
    said = ensemble("init", "csv", "--train", "posts.csv", "--label", "mood")
    assert said.code == 0, said.err
    assert "photo: paths of images, such as pics/0.jpg, and no such files" in said.out
    assert "link: links to images, such as https://example.org/0.jpg?size=1" in said.out
    assert "'n/a' is one of them" in said.out and "'Yes' and 'yes' are two" in said.out


def test_a_column_of_numbers_may_be_labels_and_one_of_parts_not(ensemble: Ensemble, tmp_path: Path) -> None:
    table().assign(stars=[n % 30 / 7 for n in range(60)], split="train").to_csv(tmp_path / "posts.csv", index=False)
    said = ensemble("init", "csv", "--train", "posts.csv")
    assert said.code == 2 and "'mood' and 'stars' may be" in said.err.replace("', '", "' and '")


def test_columns_of_sounds_and_videos_get_learners_and_a_videos_sound_serves(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    root = tmp_path / "posts"
    root.mkdir()
    posts = table().assign(film=[f"{n}.mp4" for n in range(60)], voice=[f"{n}.wav" for n in range(60)])
    for name in [*posts["film"], *posts["voice"]]:
        (root / name).touch()
    for columns, expected in ((["film"], {"sound", "frames"}), (["voice"], {"sound"}), ([], set())):
        posts[[*table().columns, *columns]].to_csv(root / "train.csv", index=False)
        said = ensemble("init", "csv", "--train", "posts/train.csv", "--label", "mood", "--out", "mine.toml")
        assert said.code == 0, said.err
        assert set(load_config(tmp_path / "mine.toml").base) == {"tfidf", "text", *expected}
        (tmp_path / "mine.toml").unlink()


def test_a_preset_is_known_before_its_options_are(ensemble: Ensemble) -> None:
    assert "Unknown preset 'cvs'. Did you mean 'csv'?" in ensemble("init", "cvs", "--train", "posts.csv").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--train", "posts.csv"), ("--label must name a column of classes", "'mood'")),
        (("--train", "posts.csv", "--label", "moood"), ("Unknown column 'moood'", "Did you mean 'mood'")),
        (("--train", "posts.csv", "--label", "words"), ("words has 60 values", "classes are few")),
        (("--train", "post.csv", "--label", "mood"), ("No such file", "posts.csv")),
        (("--label", "mood"), ("go with `init csv --train FILE`",)),
        (("--train", "posts.csv", "--label", "price"), ("price holds numbers", "'1,5'", "decimal point", "59 more")),
        (("--train", "posts.csv", "--label", "length"), ("length holds numbers", "'long'", "line 2")),
        (("--train", "posts.csv", "--label", "same"), ("only the value '1'",)),
        (("--train", "posts.csv", "--label", "none"), ("none has no values",)),
        ((), ("--root must name",)),
    ],
)
def test_what_cannot_be_made_out_is_refused(
    ensemble: Ensemble, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    numbers = {"price": [f"{n},5" for n in range(1, 61)], "length": ["long", *(f"{n // 2}.5" for n in range(59))]}
    table().assign(**numbers, same=1, none=None).to_csv(tmp_path / "posts.csv", index=False)
    outcome = ensemble("init", "csv", *arguments)
    assert outcome.code == 2 and len(outcome.err.splitlines()) == 1
    assert all(word in outcome.err for word in words), outcome.err
    assert not (tmp_path / "ensemble.toml").exists()
