"""What stands on a text network: BiLSTM, dot-product attention, pooling, feed-forward, classes."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from base_models.textual.pooling import Pooling, pool


@dataclass(frozen=True)
class HeadShape:
    """Widths of the layers between a network's token vectors and the classes; 0 leaves a layer out.

    All 0 is a plain linear head on the pooled vector. ``pooling`` None is for the network's family to say.
    """

    lstm_layers: int
    lstm_width: int
    attention_width: int
    hidden_width: int
    pooling: Pooling | None
    dropout: float


class Head(nn.Module):
    """(texts, tokens, width) to (texts, classes) logits. Padding is on the right and changes nothing.

    The head of the Modality Ensemble (SemEval-2020 task 8, section 3.2). Its attention is scaled by the root of the
    width, which the paper leaves open.
    """

    def __init__(self, width: int, classes: int, shape: HeadShape, pooling: Pooling) -> None:
        super().__init__()
        self.shape = shape
        self.pooling: Pooling = pooling
        self.dropout = nn.Dropout(shape.dropout)
        if shape.lstm_layers:
            between = shape.dropout if shape.lstm_layers > 1 else 0.0
            self.lstm = nn.LSTM(
                width, shape.lstm_width, shape.lstm_layers, batch_first=True, dropout=between, bidirectional=True
            )
            width = 2 * shape.lstm_width
        if shape.attention_width:
            self.query, self.key, self.value = (nn.Linear(width, shape.attention_width) for _ in range(3))
            width = shape.attention_width
        if shape.hidden_width:
            self.hidden = nn.Linear(width, shape.hidden_width)
            width = shape.hidden_width
        self.classes = nn.Linear(width, classes)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.shape.lstm_layers:
            states = self._read_both_ways(states, mask)
        if self.shape.attention_width:
            real = mask[:, None, :].bool()
            query, key, value = self.query(states), self.key(states), self.value(states)
            states = scaled_dot_product_attention(query, key, value, attn_mask=real)
        pooled = self.dropout(pool(states, mask, self.pooling))
        if self.shape.hidden_width:
            pooled = self.dropout(torch.relu(self.hidden(pooled)))
        logits: torch.Tensor = self.classes(pooled)
        return logits

    def _read_both_ways(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Packed, so that the way back begins at each text's own end."""
        lengths = mask.sum(dim=1).cpu()
        with torch.autocast(states.device.type, enabled=False):  # under it an LSTM runs in float16: gradients vanish
            read, _ = self.lstm(pack_padded_sequence(self.dropout(states.float()), lengths, True, enforce_sorted=False))
        return pad_packed_sequence(read, batch_first=True, total_length=states.shape[1])[0]
