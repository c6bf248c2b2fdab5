"""Sequence to sequence: an encoder reads the source, a decoder writes the target."""

from dataclasses import dataclass, replace

import torch

from sklearn_rnn.batches.packing import PackedBatch
from sklearn_rnn.nn.attention import ATTENTIONS, Memory
from sklearn_rnn.nn.drawing import Dropout, get_generator
from sklearn_rnn.nn.heads import HEADS
from sklearn_rnn.nn.kernels.rows import log_softmax
from sklearn_rnn.nn.network import LayersSpec, Network, RecurrentLayers
from sklearn_rnn.nn.pointer import Pointer
from sklearn_rnn.nn.pooling import LastPooling
from sklearn_rnn.nn.recurrence import StepRunner


@dataclass(frozen=True, kw_only=True, eq=False)
class EncoderDecoderSpec:
    """Description of an `EncoderDecoder`.

    Parameters
    ----------
    encoder : LayersSpec, optional
        The layers that read sources; by default sources are vectors that the decoder starts from (one to
        many).
    decoder : LayersSpec
        The layers that read what has been written, in one direction: token codes (0, then those of the tokens
        of targets, then any others), or numbers. How they read their source is set by the network. A Jordan
        cell feeds back its own output of width H.
    source_size : int, optional
        Number of numbers of a vector, if sources are vectors.
    n_outputs : int
        Number of tokens of targets, the end included; or of numbers per step.
    head : str or type, default="softmax"
        See `Head`.
    attention : {"dot", "additive"}, Attention subclass or None, default="dot"
        See `Attention`.
    scheduled_sampling : float in [0, 1], default=0.0
        Probability with which, in training, the decoder reads its own guess instead of the true token.
    copy_mechanism : bool, default=False
        Whether tokens are also copied from sources; see `Pointer`. The decoder reads 0 for copied tokens that
        have no code.

    Examples
    --------
    >>> from sklearn_rnn.nn import EncoderDecoder, EncoderDecoderSpec, LayersSpec
    >>> encoder = LayersSpec(input_size=30, is_tokens=True, embedding_size=16, bidirectional=True)
    >>> decoder = LayersSpec(input_size=20, is_tokens=True, embedding_size=16)
    >>> network = EncoderDecoder(EncoderDecoderSpec(encoder=encoder, decoder=decoder, n_outputs=20))
    >>> network.encoder.recurrence.output_size, network.decoder.recurrence.output_size
    (128, 64)
    """

    decoder: LayersSpec
    n_outputs: int
    encoder: LayersSpec | None = None
    source_size: int | None = None
    head: object = "softmax"
    attention: object = "dot"
    scheduled_sampling: float = 0.0
    copy_mechanism: bool = False


class EncoderDecoder(Network):
    """Encoder, bridge, decoder, attention and head, over packed batches of targets with their sources.

    The final output of the encoder (that of each direction of its top layer after reading the whole
    source) is the condition that the decoder writes under: a learnt linear map bridges to its initial states,
    so that cells, widths and depths may differ; without attention it joins the input of each step (Cho et
    al., 2014), since later steps would not know the source otherwise. In training the decoder reads the
    true tokens (teacher forcing).

    Parameters
    ----------
    spec : EncoderDecoderSpec
        Its description. Dropout of the decoder acts on what the head reads as well.

    References
    ----------
    Sutskever, I., Vinyals, O. and Le, Q. V. (2014). Sequence to sequence learning with neural networks. NIPS.

    Cho, K. et al. (2014). Learning phrase representations using RNN encoder-decoder for statistical machine
    translation. EMNLP.

    Examples
    --------
    The network of a fitted estimator:

    >>> from sklearn_rnn import RNNSeq2Seq
    >>> network = RNNSeq2Seq(hidden_size=8, max_iter=1).fit(["cat", "dog"], ["cats", "dogs"]).module_
    >>> network.encoder.recurrence.output_size, network.decoder.recurrence.output_size
    (16, 8)
    """

    def __init__(self, spec):
        super().__init__()
        self.scheduled_sampling = spec.scheduled_sampling
        self.input_size = spec.decoder.input_size
        self.encoder, summary_size = None, spec.source_size
        if spec.encoder is not None:
            self.encoder = RecurrentLayers(spec.encoder)
            summary_size = self.encoder.recurrence.output_size
            self.pooling = LastPooling(summary_size, 2 if spec.encoder.bidirectional else 1)
        has_attention = spec.attention is not None and spec.encoder is not None
        condition_as = "state" if has_attention else "input"
        decoder = replace(spec.decoder, condition_size=summary_size, condition_as=condition_as)
        self.decoder = RecurrentLayers(decoder)
        size = self.decoder.recurrence.output_size
        self.attention = None
        if has_attention:
            self.attention = ATTENTIONS.get(spec.attention, spec.attention)(size, summary_size)
        self.dropout = Dropout(spec.decoder.dropout)
        self.head = HEADS.get(spec.head, spec.head)(size, spec.n_outputs, per_step=True)
        self.pointer = Pointer(size, spec.encoder.input_size) if spec.copy_mechanism else None
        self._note_first()

    def encode(self, source):
        """Read sources.

        Parameters
        ----------
        source : PackedBatch or Tensor of shape (B, p)
            Sequences; or vectors.

        Returns
        -------
        Memory
            What the decoder needs of them, in the order of the batch.
        """
        if self.encoder is None:
            return Memory(source)
        packing, read = source.packing, source
        if self.pointer is not None:
            read = PackedBatch(self.pointer.what_is_read(source.values), packing)
        outputs, _ = self.encoder.run_layers(read)
        summary = self.pooling(outputs, packing)
        if self.attention is None:
            return Memory(summary)
        values = _lay_out(outputs, packing)
        is_step = torch.arange(values.shape[1], device=values.device) < packing.length[:, None]
        copied = None
        if self.pointer is not None:
            copied = self.pointer.what_is_copied(_lay_out(source.values[:, None], packing)[..., 0])
        return Memory(summary, values, is_step, self.attention.make_keys(values), copied)

    def forward(self, batch):
        """Compute the scores of all steps of the targets.

        Parameters
        ----------
        batch : PackedBatch
            Targets, with their sources; see `PairDataset`.

        Returns
        -------
        Tensor of shape (n_steps_total, n_scores)
            Scores. With a pointer there is one more for each step of the longest source; see `Pointer`.
        """
        memory = self._encode_for(batch)
        if self.training and self.scheduled_sampling:
            with torch.no_grad():
                outputs, _, fits = self.look_back(batch, memory)
                scores = self._score_steps(outputs, fits, memory, batch.packing)
            batch = self._give_guesses(batch, scores)
        outputs, _, fits = self.look_back(batch, memory)
        return self._score_steps(self.dropout(outputs), fits, memory, batch.packing)

    def _score_steps(self, outputs, fits, memory, packing):
        if self.pointer is None:
            return self.head(outputs)
        return self.score(outputs, _pack(fits, packing), memory.copied.index_select(0, packing.row))

    def score(self, outputs, fits, copied):
        """Run the head and, if there is one, the pointer.

        Parameters
        ----------
        outputs : Tensor of shape (n, H)
            What the head reads.
        fits, copied : Tensor of shape (n, T), or None
            See `Pointer`; ignored if there is none.

        Returns
        -------
        Tensor of shape (n, n_scores)
            See `forward`.
        """
        scores = self.head(outputs)
        return scores if self.pointer is None else self.pointer(scores, outputs, fits, copied)

    def read_back(self, codes):
        """Return what the decoder reads after the tokens that it wrote.

        Parameters
        ----------
        codes : int64 Tensor
            Codes of the tokens that were written.

        Returns
        -------
        int64 Tensor
            Codes of inputs, of the same shape. After an end it is that of the beginning, which does not
            occur; for copies that have no code it is 0.
        """
        inputs = codes + 1
        return inputs.masked_fill(inputs >= self.input_size, 0)

    def _encode_for(self, batch):
        memory = self.encode(batch.source)
        return memory if batch.source_row is None else memory.select(batch.source_row)

    def _give_guesses(self, batch, scores):
        """Replace inputs at random with what the scores of the step before predict."""
        inputs, packing = batch.values, batch.packing
        n_first = packing.batch_sizes[0]
        before = torch.from_numpy(packing.place(packing.step_of[n_first:] - 1, packing.row_of[n_first:]))
        guesses = self.read_scores(scores[before.to(scores.device)])
        draw = torch.rand(len(guesses), device=guesses.device, generator=get_generator())
        is_taken = draw < self.scheduled_sampling
        if guesses.dim() == 1:
            is_taken &= guesses != inputs[0]  # the end is not an input
        else:
            is_taken = is_taken[:, None]
        rest = torch.where(is_taken, guesses, inputs[n_first:])
        return PackedBatch(torch.cat([inputs[:n_first], rest]), packing)

    def read_scores(self, scores):
        """Turn scores into what the decoder reads next, if it writes what they predict.

        Parameters
        ----------
        scores : Tensor of shape (n, n_scores)
            What the head returned.

        Returns
        -------
        int64 Tensor of shape (n,), or Tensor of shape (n, K + 1)
            The codes of the most likely tokens, see `read_back`; or numbers after a 0, which distinguishes
            them from the beginning.
        """
        if self.decoder.input is not None:
            return self.read_back(scores.argmax(1))
        return torch.cat([torch.zeros_like(scores[:, :1]), scores[:, : self.head.n_outputs]], dim=1)

    def look_back(self, batch, memory=None):
        """Run all but the head.

        Parameters
        ----------
        batch : PackedBatch
            See `forward`.
        memory : Memory, optional
            What `encode` returned for its sources, in the order of the targets.

        Returns
        -------
        outputs : Tensor of shape (n_steps_total, H)
            What the head reads.
        weights : Tensor of shape (B, n_steps, n_source_steps), or None
            The weights of the attention.
        fits : Tensor of shape (B, n_steps, n_source_steps), or None
            The scores whose softmax is `weights`.
        """
        memory = self._encode_for(batch) if memory is None else memory
        packing = batch.packing
        read = PackedBatch(batch.values, packing, condition=memory.summary)
        outputs, _ = self.decoder.run_layers(read)
        if self.attention is None:
            return outputs, None, None
        outputs, weights, fits = self.attention(_lay_out(outputs, packing), memory)
        return _pack(outputs, packing), weights, fits


def _lay_out(packed, packing):
    """Lay packed steps out as (B, T, D), with zeros after the end of a sequence."""
    n_rows, n_steps = len(packing), len(packing.batch_sizes)
    dense = packed.new_zeros(n_steps * n_rows, packed.shape[1]).index_copy(0, packing.dense, packed)
    return dense.view(n_steps, n_rows, -1).transpose(0, 1)


def _pack(dense, packing):
    """Pack steps that are laid out as (B, T, D)."""
    return dense.transpose(0, 1).flatten(0, 1).index_select(0, packing.dense)


class DecoderLoop:
    """A decoder that is run one step at a time, over a batch of sources; see `decoding`.

    Parameters
    ----------
    network : EncoderDecoder
        A network in evaluation mode. Callers must use `torch.inference_mode`.
    memory : Memory
        The memory of the sources.
    start : int or ndarray of float of shape (K + 1,)
        What all targets begin with.
    """

    def __init__(self, network, memory, start):
        self._network, self._memory = network, memory
        start = torch.as_tensor(start, device=memory.summary.device)
        self._start = start.to(memory.summary.dtype) if start.is_floating_point() else start
        decoder = network.decoder
        self._step = StepRunner(decoder.recurrence)
        self._state = None
        if decoder.initial_state is not None:
            self._state = decoder.initial_state(memory.summary, decoder.recurrence.cells)

    def repeat(self, n):
        """Repeat each row n times, before the first step."""
        self.select(torch.arange(len(self._memory)).repeat_interleave(n))

    def begin(self):
        """Return what `advance` returns, for the first step."""
        return self._advance(self._start.expand(len(self._memory), *self._start.shape))

    def advance(self, written):
        """Read what was written in each row.

        Parameters
        ----------
        written : int64 Tensor of shape (n,), or Tensor of shape (n, K + 1)
            Codes of tokens; or the scores of numbers.

        Returns
        -------
        Tensor of shape (n, n_outputs) or (n, K + 1)
            The log-probabilities of the next tokens; or the next scores.
        """
        if written.dim() > 1:
            return self._advance(self._network.read_scores(written))
        return self._advance(self._network.read_back(written))

    def select(self, rows):
        """Keep some rows, in a new order."""
        rows = rows.to(self._memory.summary.device)
        self._memory = self._memory.select(rows)
        if self._state is not None:
            self._state = [tuple(s.index_select(0, rows) for s in part) for part in self._state]

    def _advance(self, inputs):
        network = self._network
        summary = self._memory.summary
        inputs = network.decoder.read(inputs.to(summary.device), summary)
        outputs, self._state = self._step(inputs, self._state)
        fits = None
        if network.attention is not None:
            outputs, _, fits = (part[:, 0] for part in network.attention(outputs[:, None], self._memory))
        scores = network.score(outputs, fits, self._memory.copied)
        return scores if network.decoder.input is None else log_softmax(scores.float())
