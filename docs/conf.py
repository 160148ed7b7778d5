"""The site: Markdown (MyST) under Sphinx, the reference written from the code before each build.

sphinx-build -W --keep-going docs FOLDER
"""

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = "Modality Ensemble"
copyright = "the Modality Ensemble developers, Apache-2.0"
extensions = ["myst_parser"]
myst_heading_anchors = 3  # [text](page.md#a-heading); one that leads nowhere is a warning
html_theme = "furo"
html_title = project
html_show_sphinx = False
smartquotes = False  # what is quoted is to be typed


def setup(app: Any) -> None:
    from written_reference import write_reference

    app.connect("builder-inited", lambda app: write_reference(Path(app.srcdir) / "reference"))
