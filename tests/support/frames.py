"""How frames of the drawn memes are read, and with what they are trained quickly."""

from typing import Any

TASKS: dict[str, Any] = {"sentiment": ["negative", "neutral", "positive"], "sarcasm": ["0", "1"]}
COLUMNS: dict[str, Any] = {"id": "name", "text": "caption", "image": "file"}
SETTINGS: dict[str, Any] = {"folds": {"k": 3}, "stack": {"estimators": ["soft_vote"]}, "run": {"threads": 1}}
