"""CMU-MOSI from its published files: a configuration, the audit, and features converted once."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clips import tone, write_video
from support.shell import Ensemble


def test_init_and_data_say_where_clips_are_and_which_lack(ensemble: Ensemble, tmp_path: Path) -> None:
    rows = [(f"v{n // 2}", f"{n % 2:04}", f"said {n}", n % 7 - 3.0) for n in range(12)]
    table = pd.DataFrame(rows, columns=["video_id", "clip_id", "text", "label"])
    table["mode"] = ["train"] * 8 + ["valid"] * 2 + ["test"] * 2
    (tmp_path / "mosi").mkdir()
    table.to_csv(tmp_path / "mosi/label.csv", index=False)
    for name in ("v0/0000", "v0/0001", "v4/0001"):
        (tmp_path / f"mosi/Raw/{name}.mp4").parent.mkdir(parents=True, exist_ok=True)
        write_video(tmp_path / f"mosi/Raw/{name}.mp4", 1, sound=tone(1) if name == "v0/0000" else None)
    assert ensemble("init", "cmu", "--root", "mosi").code == 0
    found = ensemble("data", "--set", 'base.text.params.text="gone"')
    lines = [" ".join(line.split()) for line in found.out.splitlines()]
    assert "videos: Raw/{video_id}/{clip_id}.mp4" in lines
    assert "the sound of each video serves as its audio" in lines
    assert "videos by part train 2 of 8, dev 1 of 2, test 0 of 2" in lines
    assert "sounds by part train 1 of 8, dev 0 of 2, test 0 of 2" in lines


def test_published_features_are_converted_once(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clips = [(([0, 1], np.ones((3, 2)), np.ones((3, 4))), np.array([[1.0]]), f"v[{n}]") for n in range(3)]
    Path("mosi.pkl").write_bytes(pickle.dumps({"train": clips, "test": clips[:1]}))
    made = ensemble("convert-features", "mosi.pkl", "--out", "features")
    assert made.code == 0 and "3 train clips, 1 test clips" in made.out
    assert pd.read_parquet("features/features.parquet")["id"].tolist() == ["v_0", "v_1", "v_2", "v_0"]
    again = ensemble("convert-features", "mosi.pkl", "--out", "features")
    assert again.code == 2 and "is already there" in again.err and len(again.err.splitlines()) == 1
    plain = json.loads(ensemble("convert-features", "mosi.pkl", "--out", "other", "--json").out)
    assert plain["features"]["video"] == {"width": 2, "frames": [3, 3, 3]}
