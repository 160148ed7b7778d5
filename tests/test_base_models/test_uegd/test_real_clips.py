"""Two real clips of CMU-MOSI from their files to predictions, under published encoders and MTCNN."""

import pandas as pd
import pytest
from support import SHARED
from support.regressions import MOOD

from base_models.uegd.uegd import Uegd, UegdTraining
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.features import FeatureCache

MODELS = {"text": "minilm-l6", "audio": "whisper-tiny.en-encoder", "video": "mobilenetv2_100"}
CLIPS = {"Oz06ZWiO20M_6": "Oz06ZWiO20M_6.mp4", "03bSnISJMiM_1": "03bSnISJMiM_1.wav"}


@pytest.mark.real_data
def test_a_video_and_a_sound_of_mosi_are_predicted() -> None:
    root = SHARED / "data/mosi"
    table = pd.read_csv(root / "label.csv", dtype={"id": str}).set_index("id").loc[list(CLIPS)]
    frame = pd.DataFrame({"id": list(CLIPS), "part": "train", "text": table["text"].tolist(), "mood": [1.0, -1.0]})
    frame = frame.assign(audio=list(CLIPS.values()), video=[CLIPS["Oz06ZWiO20M_6"], None])
    data = scan(Dataset(frame, root / "clips", (MOOD,)))[0]
    models = {name: str(SHARED / "weights" / model) for name, model in MODELS.items()}
    how = UegdTraining(epochs=2, warmup=0, validation=0)
    detector = str(SHARED / "weights/mtcnn/mtcnn.safetensors")
    learner, cache = Uegd(**models, faces="mtcnn", detector=detector, training=how), FeatureCache()  # type: ignore[arg-type]
    learner.prepare(data, cache)
    learner.fit(data, MOOD, 0)
    counts = dict(learner.training_info())["fit_posts"]
    assert isinstance(counts, dict) and (counts["rows"], counts["without_video"]) == (2, 1)
    assert counts["frames"] == 23 and counts["frames_without_face"] < 3, "7.5 s at three a second"
    lengths = {name: one.lengths.tolist() for name, one in learner._source().examples(data, 1, False).sequences.items()}
    assert lengths["video"] == [23, 0] and 36 <= lengths["audio"][0] <= 38 and lengths["audio"][1] == 17
    one, other = learner.predict(data.without_labels())
    assert one != other
    gates = learner.modality_weights(data)
    assert gates is not None and pd.isna(gates).tolist() == [[False] * 3, [False, False, True]]
