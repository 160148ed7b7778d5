"""What the report knows of learners from inside: how much each modality decided."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reported import report_facts

from meta.report.weight_facts import BINS, describe_weights


def weights_of(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_shares_sum_to_one_and_gates_need_not() -> None:
    shares = describe_weights(weights_of(text=[0.2, 0.5, np.nan], audio=[0.8, 0.5, np.nan]))
    gates = describe_weights(weights_of(text=[0.2, 0.5], audio=[0.9, 0.5], video=[0.01, 0.02]))
    alone = describe_weights(weights_of(text=[1.0, 1.0]))
    assert shares and gates and alone
    assert shares.shares and not gates.shares and not alone.shares, "of one modality a sum tells nothing"
    assert shares.modalities["text"].rows == 2, "a post with nothing to weigh has no weight"
    assert gates.modalities["video"].mean == pytest.approx(0.015)


def test_a_modality_that_no_post_has_is_left_out() -> None:
    found = describe_weights(weights_of(text=[0.5], video=[np.nan]))
    assert found and list(found.modalities) == ["text"]
    assert describe_weights(weights_of(text=[np.nan], video=[np.nan])) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_every_weight_is_in_a_bin(values: list[float]) -> None:
    found = describe_weights(weights_of(audio=values))
    assert found
    of = found.modalities["audio"]
    assert sum(of.bins) == of.rows == len(values) and len(of.bins) == BINS
    assert of.quantiles == sorted(of.quantiles)


def test_weights_stand_in_the_json_by_task_and_learner() -> None:
    written = report_facts(1).as_json()
    (of_task,) = written["modality_weights"].values()
    assert list(of_task) == ["clip_joint"]
    assert list(of_task["clip_joint"]["modalities"]) == ["text", "image", "audio"]
    assert "modality_weights" not in report_facts(1, ["tfidf"]).as_json(), "a run without them has no such key"
