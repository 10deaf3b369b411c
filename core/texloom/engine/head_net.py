# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned part of the instant model: a small attention network over the text encoder's token states."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEXT_WIDTH = 384
"""Width of the text encoder's token states."""

# Deviation of the noise, in units of the vector's own: with much less or more, unseen names are read worse.
_NAME_NOISE = 0.4


@dataclass
class Memory:
    """A read text: ``keys`` and ``values`` (batch, tokens + 1, width); slot 0 is "nothing is said".

    ``blocked`` (batch, tokens + 1) is true for padding; ``states`` and ``pooled`` are the text encoder's own.
    """

    keys: Tensor
    values: Tensor
    blocked: Tensor
    states: Tensor
    pooled: Tensor


@dataclass
class FamilyOutput:
    """``logits`` (batch, families), ``domain`` (batch) logit of being a material, ``attention`` (batch, tokens)."""

    logits: Tensor
    domain: Tensor
    attention: Tensor


@dataclass
class ParameterOutput:
    """For each asked key: (batch, asked) or (batch, asked, n).

    ``mentioned`` logits; ``number`` mean and log of the standard deviation in unit space; ``color`` OKLab mean
    and log of its deviation; ``options`` logits; ``attention`` over the tokens, without the empty slot.
    """

    mentioned: Tensor
    number: Tensor
    color: Tensor
    options: Tensor
    attention: Tensor


class _Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        parts = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        result: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return result


class HeadNet(nn.Module):
    """From token states to family logits and, given a family, to its parameters.

    A learned query per key attends over the tokens, so the weights tell which words set what.  Keys are
    shared by families; the family's own vector is added, since "rough" means another thing on plaster than
    on planks.
    """

    noun_vectors: Tensor
    noun_keys: Tensor
    noun_family: Tensor

    def __init__(
        self,
        families: int,
        keys: int,
        max_options: int,
        nouns: int,
        width: int = 192,
        layers: int = 2,
        heads: int = 4,
        metric: int = 128,
        inner: int = 512,
    ) -> None:
        super().__init__()
        self.config = {
            "families": families, "keys": keys, "max_options": max_options, "nouns": nouns,
            "width": width, "layers": layers, "heads": heads, "metric": metric, "inner": inner,
        }  # fmt: skip
        self.width = width
        self.norm_in = nn.LayerNorm(TEXT_WIDTH)
        self.project = nn.Linear(TEXT_WIDTH, width)
        self.sentence = nn.Linear(TEXT_WIDTH, width)
        self.layers = nn.ModuleList(_Layer(width, heads, 2 * width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.to_keys = nn.Linear(width, width)
        self.to_values = nn.Linear(width, width)
        self.nothing = nn.Parameter(torch.randn(2, width) * 0.02)
        # Family.
        self.family_query = nn.Parameter(torch.randn(width) * 0.1)
        self.family_norm = nn.LayerNorm(2 * width)
        self.family_up = nn.Linear(2 * width, width)
        self.family_out = nn.Linear(width, families)
        self.domain_out = nn.Linear(width, 1)
        # Known nouns, by which unknown ones are judged: whose they are, and what the metric makes of the
        # encoder's vectors; these are needed in training only and would be most of a saved model.
        self.register_buffer("noun_vectors", torch.zeros(nouns, TEXT_WIDTH), persistent=False)
        self.register_buffer("noun_keys", torch.zeros(nouns, metric))
        self.register_buffer("noun_family", torch.zeros(nouns, dtype=torch.int64))
        start = torch.nn.init.orthogonal_(torch.empty(metric, TEXT_WIDTH))
        self.metric_text = nn.Parameter(torch.cat((start, 0.5 * start), dim=1))
        self.metric_noun = nn.Parameter(start.clone())
        self.metric_scale = nn.Parameter(torch.tensor(2.5))
        # The encoder's own vector of a name, read by itself.
        self.name_up = nn.Linear(TEXT_WIDTH, inner)
        self.name_out = nn.Linear(inner, families)
        self.name_drop = nn.Dropout(0.4)
        # Parameters.
        self.key_query = nn.Parameter(torch.randn(keys, width) * 0.3)
        self.family_vector = nn.Parameter(torch.randn(families, width) * 0.1)
        self.key_norm = nn.LayerNorm(width)
        self.key_up = nn.Linear(width, 2 * width)
        self.key_down = nn.Linear(2 * width, width)
        self.out_norm = nn.LayerNorm(width)
        self.mention_weight = nn.Parameter(torch.zeros(keys, width))
        self.mention_bias = nn.Parameter(torch.full((keys,), -2.0))
        self.number_weight = nn.Parameter(torch.randn(keys, 2, width) * 0.02)
        self.number_bias = nn.Parameter(torch.tensor([0.5, -1.5]).repeat(keys, 1))
        self.option_weight = nn.Parameter(torch.randn(keys, max_options, width) * 0.02)
        self.color_up = nn.Linear(width, 2 * width)
        self.color_out = nn.Linear(2 * width, 6)
        self.drop = nn.Dropout(0.1)

    def remember(self, states: Tensor, mask: Tensor, pooled: Tensor) -> Memory:
        """Read token states (batch, tokens, 384), their mask (batch, tokens) and the pooled text (batch, 384)."""
        x = self.project(self.drop(self.norm_in(states)))
        whole = self.sentence(self.drop(pooled * TEXT_WIDTH**0.5))[:, None]
        x = torch.cat((whole, x), dim=1)
        seen = F.pad(mask.bool(), (1, 0), value=True)
        for layer in self.layers:
            x = layer(x, seen)
        x = self.norm(x)
        nothing = self.nothing[:, None, None, :].expand(2, len(x), 1, self.width)
        # The whole text takes part in the layers, but nothing may attend to it instead of to words.
        keys = torch.cat((nothing[0], self.to_keys(x[:, 1:])), dim=1)
        values = torch.cat((nothing[1], self.to_values(x[:, 1:])), dim=1)
        return Memory(keys, values, ~F.pad(mask.bool(), (1, 0), value=True), states, pooled)

    def _attend(self, memory: Memory, queries: Tensor) -> tuple[Tensor, Tensor]:
        scores = queries @ memory.keys.transpose(1, 2) * self.width**-0.5
        weights = scores.float().masked_fill(memory.blocked[:, None, :], -1e9).softmax(-1)
        return weights.to(memory.values.dtype) @ memory.values, weights

    def read_family(self, memory: Memory, paths: Tensor | None = None, hidden: Tensor | None = None) -> FamilyOutput:
        """Which material, in three ways whose logits are added.

        They are the words as this net has learned to read them, likeness to known nouns, and the name's own
        vector, read by a net that training disturbs much.  Together they read unknown names better than any alone.

        Args:
            memory: the texts.
            paths: (3, batch) factors on the three ways, for training each on its own; None takes all.
            hidden: (batch,) index of a noun that is not to be used for likeness, -1 for none: so training
                meets its own nouns as if they were unknown.
        """
        batch = len(memory.keys)
        found, weights = self._attend(memory, self.family_query.expand(batch, 1, -1))
        whole = self.sentence(self.drop(memory.pooled * TEXT_WIDTH**0.5))
        h = F.gelu(self.family_up(self.family_norm(torch.cat((found[:, 0], whole), dim=-1))))
        h = self.drop(h)
        # Where to look is learned by the first way alone.
        attention = weights[:, 0, 1:]
        attended = F.normalize((attention.detach()[:, None] @ memory.states)[:, 0], dim=-1)
        ways = torch.stack((self.family_out(h), self._likeness(memory, attended, hidden), self.read_names(attended)))
        if paths is not None:
            ways = ways * paths[:, :, None]
        return FamilyOutput(ways.sum(0), self.domain_out(h)[:, 0], attention)

    def read_names(self, vectors: Tensor) -> Tensor:
        """(batch, families) logits of the encoder's vectors of names, (batch, 384) of length 1."""
        x = vectors * TEXT_WIDTH**0.5
        if self.training:
            x = x + torch.randn_like(x) * _NAME_NOISE
        h = F.gelu(self.name_up(self.name_drop(x)))
        result: Tensor = self.name_out(self.name_drop(h))
        return result

    @torch.no_grad()
    def fold(self) -> None:
        """Keep what the metric makes of the nouns; to be called when training has ended."""
        self.noun_keys.copy_(self._nouns())

    def _nouns(self) -> Tensor:
        return F.normalize(self.noun_vectors @ self.metric_noun.T, dim=-1)

    def _likeness(self, memory: Memory, attended: Tensor, hidden: Tensor | None) -> Tensor:
        """(batch, families): log of the summed likeness of the attended words to each family's nouns."""
        text = torch.cat((attended, memory.pooled), dim=-1) @ self.metric_text.T
        nouns = self._nouns() if self.training else self.noun_keys
        scores = F.normalize(text, dim=-1) @ nouns.T * self.metric_scale.exp()
        if hidden is not None:
            own = torch.arange(len(nouns), device=scores.device) == hidden[:, None]
            scores = scores.masked_fill(own, -1e4)
        top = scores.amax(dim=1, keepdim=True)
        belongs = F.one_hot(self.noun_family, self.config["families"]).to(scores.dtype)
        return (((scores - top).exp() @ belongs) + 1e-6).log() + top

    def read_parameters(self, memory: Memory, family: Tensor, asked: Tensor) -> ParameterOutput:
        """Outputs for the keys ``asked`` (batch, n) of the families ``family`` (batch)."""
        query = self.key_query[asked] + self.family_vector[family][:, None]
        found, weights = self._attend(memory, query)
        h = self.key_norm(query + found)
        h = self.out_norm(h + self.key_down(self.drop(F.gelu(self.key_up(h)))))
        mentioned = (h * self.mention_weight[asked]).sum(-1) + self.mention_bias[asked]
        number = torch.einsum("bnw,bncw->bnc", h, self.number_weight[asked].to(h.dtype)) + self.number_bias[asked]
        options = torch.einsum("bnw,bnow->bno", h, self.option_weight[asked].to(h.dtype))
        color = self.color_out(F.gelu(self.color_up(h)))
        return ParameterOutput(mentioned, number, color, options, weights[..., 1:])
