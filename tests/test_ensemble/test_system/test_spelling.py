"""Names are found in whichever way a disk spells their letters."""

from pathlib import Path
from unicodedata import normalize

import pandas as pd
import pytest
from PIL import Image

from ensemble.datasets.csv import read
from ensemble.system.folders import as_on_disk

ONE, TWO = normalize("NFC", "é"), normalize("NFD", "é")


@pytest.mark.parametrize(("there", "asked"), [(ONE, TWO), (TWO, ONE)])
def test_a_name_in_another_form_is_found_part_by_part(tmp_path: Path, there: str, asked: str) -> None:
    place = tmp_path / f"b{there}" / "plain" / f"{asked}{there}.jpg"
    place.parent.mkdir(parents=True)
    place.touch()
    found = as_on_disk(tmp_path, f"b{asked}/plain/{there}{asked}.jpg")
    assert tmp_path / found == place
    for name in (f"b{asked}/gone.jpg", "gone.jpg", f"../{asked}.jpg", asked * 400, f"{asked}\0"):
        assert as_on_disk(tmp_path, name) == name


@pytest.mark.parametrize("image", ["image", f"b{ONE}/{{stem}}.jpg", [f"b{ONE}/{{stem}}.png", f"b{ONE}/{{stem}}.jpg"]])
def test_images_table_and_folder_in_other_forms_are_read(tmp_path: Path, image: str | list[str]) -> None:
    folder = tmp_path / f"b{TWO}"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / f"{TWO}.jpg")
    row = {"id": "1", "text": "t", "image": f"b{ONE}/{ONE}.jpg", "stem": ONE, "mood": "a"}
    pd.DataFrame([row, row | {"id": "2", "mood": "b"}]).to_csv(tmp_path / f"t{TWO}.csv", index=False)
    data = read(tmp_path, train=f"t{ONE}.csv", tasks={"mood": ["a", "b"]}, text="text", image=image)
    assert set(data.frame["image"]) == {f"b{TWO}/{TWO}.jpg"}
