"""The base learners: models of one or more modalities that give probabilities for one task."""

LEARNERS = {
    "prior": "base_models.prior:Prior",
    "tfidf": "base_models.textual.tfidf:Tfidf",
    "frozen": "base_models.frozen:Frozen",
    "lexicon": "base_models.textual.lexicon:Lexicon",
    "sklearn": "base_models.sklearn_learner:SklearnLearner",
    "textual": "base_models.textual.finetuned:Textual",
    "acoustic": "base_models.acoustic.finetuned:Acoustic",
    "clip": "base_models.multimodal.clip:Clip",
    "fusion": "base_models.multimodal.fusion:Fusion",
    "flava": "base_models.multimodal.flava:Flava",
    "uegd": "base_models.uegd.uegd:Uegd",
    "vlm": "base_models.vlm.vlm:Vlm",
    "visual": "base_models.visual.finetuned:Visual",
}
