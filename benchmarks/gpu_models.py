"""Networks at their published sizes, as folders without weights, and posts for them: nothing is downloaded.

A folder has a configuration, a tokenizer made of the drawn posts' words, and what says how images or sounds are read.
``tiny`` ones are of the same kinds and train on a CPU within seconds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from full_size import FULL_SIZE
from PIL import Image
from texts import drawn_posts

from base_models.neural.sampling import Batch, Drawn
from base_models.tiny import make_clip, make_flava, make_text_encoder
from ensemble.data import Dataset
from ensemble.datasets.mvsa import SENTIMENT

PICTURES = 48  # files; posts share them, and decode them each for itself
VISUAL = {  # and what stands for them
    "inception_resnet_v2": "test_resnet",
    "polynet": "test_efficientnet",
    "legacy_senet154": "test_byobnet",
    "pnasnet5large": "test_vit",
}
SMALL_TEXT: dict[str, dict[str, Any]] = {
    "bert-large-uncased": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    },
    "gpt2-medium": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "xlnet-large-cased": {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64},
    "transfo-xl-wt103": {
        "vocab_size": 4000,
        "cutoffs": [1000, 2000],
        "d_embed": 32,
        "d_model": 32,
        "n_layer": 2,
        "n_head": 2,
        "d_head": 16,
        "d_inner": 64,
        "mem_len": 16,
        "clamp_len": 32,
    },
}
SPEECH: dict[str, Any] = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "layerdrop": 0.0}
WAVLM: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
SMALL_WAVLM: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 3,
    "conv_kernel": [10, 8, 4],
    "conv_stride": [10, 8, 4],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
MARKS = ["<pad>", "</s>", "<s>", "<unk>", "<image>"]
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


@dataclass(frozen=True)
class Models:
    """Makes folders below ``folder``, each once."""

    folder: Path
    texts: Sequence[str]
    tiny: bool

    def textual(self, name: str) -> str:
        """Of the words of BERT, which all four read here."""
        made = make_text_encoder(self.folder / name, self.texts)
        (made / "model.safetensors").unlink()
        self._write(made / "config.json", FULL_SIZE[name] | (SMALL_TEXT[name] if self.tiny else {}))
        return str(made)

    def clip(self) -> str:
        """ViT-B/32."""
        made = make_clip(self.folder / "clip", self.texts)
        if not self.tiny:
            from transformers import CLIPConfig

            (made / "model.safetensors").unlink()
            CLIPConfig().save_pretrained(made)
            self._reads_images(made, "CLIPImageProcessor", 224)
        return str(made)

    def flava(self) -> str:
        """facebook/flava-full."""
        made = make_flava(self.folder / "flava", self.texts)
        if not self.tiny:
            from transformers import FlavaConfig

            (made / "model.safetensors").unlink()
            FlavaConfig().save_pretrained(made)
            said = {"image_processor_type": "FlavaImageProcessor", "size": {"height": 224, "width": 224}}
            self._write(made / "preprocessor_config.json", {**said, "crop_size": 224})
        return str(made)

    def wavlm(self) -> str:
        """WavLM-large."""
        from transformers import WavLMConfig

        made = self.folder / "wavlm"
        WavLMConfig(**SPEECH, **(SMALL_WAVLM if self.tiny else WAVLM)).save_pretrained(made)
        said = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True, "sampling_rate": 16_000}
        self._write(made / "preprocessor_config.json", said)
        return str(made)

    def llava(self) -> str:
        """LLaVA-1.5-7B."""
        from transformers import LlavaConfig

        made = self.folder / "llava"
        words = self._tokenizer(made, "<s>")
        text: dict[str, Any] = {"model_type": "llama", "vocab_size": 32064, "max_position_embeddings": 4096}
        vision: dict[str, Any] = {
            "model_type": "clip_vision_model",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "image_size": 336,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "patch_size": 14,
            "projection_dim": 768,
        }
        if self.tiny:
            text |= {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
            text |= {"vocab_size": len(words)}
            vision |= {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
            vision |= {"image_size": 28, "patch_size": 7}
        marks = {"bos_token_id": words["<s>"], "eos_token_id": words["</s>"], "pad_token_id": words["<pad>"]}
        config = LlavaConfig(text_config={**text, **marks}, vision_config=vision, image_token_index=words["<image>"])
        config.save_pretrained(made)
        self._reads_images(made, "CLIPImageProcessor", vision["image_size"])
        return str(made)

    def blip2(self) -> str:
        """BLIP-2 with OPT-2.7b."""
        from transformers import Blip2Config

        made = self.folder / "blip2"
        words = self._tokenizer(made, "</s>")
        text: dict[str, Any] = {"model_type": "opt", "vocab_size": 50304, "max_position_embeddings": 2048}
        text |= {"hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 32, "ffn_dim": 10240}
        text |= {"word_embed_proj_dim": 2560, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
        vision: dict[str, Any] = {"image_size": 224, "patch_size": 14}
        former: dict[str, Any] = {"encoder_hidden_size": 1408, "vocab_size": 30523}
        if self.tiny:
            text |= {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 48}
            text |= {"word_embed_proj_dim": 32, "vocab_size": len(words)}
            vision = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
            vision |= {"image_size": 28, "patch_size": 7}
            former = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
            former |= {"encoder_hidden_size": 24, "vocab_size": 30}
        Blip2Config(
            text_config=text,
            vision_config=vision,
            qformer_config=former,
            num_query_tokens=6 if self.tiny else 32,
            image_token_index=words["<image>"],
        ).save_pretrained(made)
        side = vision["image_size"]
        said = {"image_processor_type": "BlipImageProcessor", "size": {"height": side, "width": side}, "resample": 3}
        self._write(made / "preprocessor_config.json", said)
        return str(made)

    def _reads_images(self, folder: Path, kind: str, side: int) -> None:
        sizes = {"size": {"shortest_edge": side}, "do_center_crop": True, "crop_size": {"height": side, "width": side}}
        said = {"image_processor_type": kind, "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3}
        self._write(folder / "preprocessor_config.json", {**said, **sizes})

    def _tokenizer(self, folder: Path, first: str) -> Mapping[str, int]:
        """Byte pairs of the posts' words, each text begun with ``first``; the vocabulary."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
        from transformers import PreTrainedTokenizerFast

        made: Any = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=4000,
            special_tokens=MARKS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        said = [*self.texts, *SENTIMENT.classes, "What is the sentiment of this post? Answer with one of these"]
        made.train_from_iterator(said, trainer)
        number = made.token_to_id(first)
        made.post_processor = processors.TemplateProcessing(single=f"{first} $A", special_tokens=[(first, number)])
        make: Any = PreTrainedTokenizerFast
        names = {"bos_token": first, "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
        known = make(tokenizer_object=made, additional_special_tokens=["<image>"], **names)
        known.save_pretrained(folder)
        return dict(known.get_vocab())

    def _write(self, path: Path, said: object) -> None:
        path.write_text(json.dumps(said))


def posts(folder: Path, count: int, tiny: bool) -> Dataset:
    """Drawn texts and photographs, with labels that mean nothing."""
    random = np.random.default_rng(0)
    width, height = (120, 90) if tiny else (800, 600)
    for number in range(min(count, PICTURES)):
        shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((width, height))
        shapes.save(folder / f"{number}.jpg", quality=85)
    data = drawn_posts(count)
    images = [f"{row % PICTURES}.jpg" for row in range(count)]
    frame: pd.DataFrame = data.frame.assign(image=images, image_hash=[f"{row:064x}" for row in range(count)])
    return Dataset(frame, folder, data.tasks)


class Noise:
    """Sounds that are ready: what a machine that reads no sound files trains a speech network on."""

    lengths = None

    def __init__(self, rows: int, samples: int) -> None:
        self.samples = torch.from_numpy(np.random.default_rng(0).normal(size=(rows, samples)).astype(np.float32))

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, rows: Sequence[int]) -> Batch:
        return {"inputs": self.samples[list(rows)], "lengths": torch.full((len(rows),), self.samples.shape[1])}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        return self.batch([row for *_, row in drawn])
