"""The whole network: input layer, recurrence, pooling, head."""

from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch import nn

from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.condition import InitialState, join
from sklearn_rnn.nn.drawing import Dropout, NoWeights, get_generator, is_own_class
from sklearn_rnn.nn.heads import HEADS
from sklearn_rnn.nn.heads.tied import TiedLinear
from sklearn_rnn.nn.pooling import POOLINGS
from sklearn_rnn.nn.recurrence import Recurrence


@dataclass(frozen=True, kw_only=True, eq=False)
class LayersSpec:
    """Description of an input layer and recurrent layers.

    Parameters
    ----------
    input_size : int
        Number of features d, or of token codes V.
    is_tokens : bool, default=False
        Whether inputs are token codes.
    rare : ndarray of bool of shape (V,), optional
        See `TokenInput`.
    embedding_size : int, optional
        See `TokenInput`.
    cell : str, type or functools.partial, default="gru"
        A name in `CELLS`, a `Cell` class, or one with bound options.
    hidden_size : int, default=64
        Width H of the state.
    num_layers : int, default=1
        See `Recurrence`.
    bidirectional : bool, default=False
        See `Recurrence`.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        For the cells whose nonlinearity can be chosen.
    dropout : float in [0, 1), default=0.0
        See `Recurrence`. It acts on all that goes from one layer to the next, the input layer's embedding
        included.
    bptt_steps : int, optional
        See `Recurrence`.
    condition_size : int, optional
        Width p of a vector that comes with each sequence.
    condition_as : {"input", "state"}, default="input"
        Whether this vector joins the input of each step, or sets the initial state; see `condition.py`.

    Examples
    --------
    A bidirectional LSTM over embedded tokens:

    >>> from sklearn_rnn.nn import LayersSpec
    >>> spec = LayersSpec(input_size=30, is_tokens=True, embedding_size=16, cell="lstm", bidirectional=True)
    >>> spec.hidden_size
    64
    """

    input_size: int
    is_tokens: bool = False
    rare: np.ndarray | None = None
    embedding_size: int | None = None
    cell: object = "gru"
    hidden_size: int = 64
    num_layers: int = 1
    bidirectional: bool = False
    nonlinearity: str = "tanh"
    dropout: float = 0.0
    bptt_steps: int | None = None
    condition_size: int | None = None
    condition_as: str | None = "input"


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkSpec(LayersSpec):
    """Description of a `RecurrentNetwork`.

    Parameters
    ----------
    n_outputs : int, list of int or tuple
        See `Head`, and the head's own class.
    pooling : {"last", "mean", "max", "attention"} or None, default="last"
        How steps become one vector; None where each step is answered.
    head : str or type, default="softmax"
        A name in `HEADS`, or a `Head` class.
    head_options : dict, optional
        Keyword arguments of the head.
    tie_weights : bool, default=False
        Whether the output layer's weight is the embedding (`TiedLinear`). The recurrence must then put out
        vectors as wide as the embedding's.
    input_size, is_tokens, rare, embedding_size, cell, hidden_size, num_layers, bidirectional, nonlinearity
        See `LayersSpec`.
    dropout, bptt_steps, condition_size, condition_as
        See `LayersSpec`. Dropout acts on what the head reads as well.

    Examples
    --------
    >>> from sklearn_rnn.nn import NetworkSpec, RecurrentNetwork
    >>> network = RecurrentNetwork(NetworkSpec(input_size=3, n_outputs=2, cell="lstm", bidirectional=True))
    >>> network.recurrence.output_size
    128
    """

    n_outputs: object
    pooling: str | None = "last"
    head: object = "softmax"
    head_options: dict = field(default_factory=dict)
    tie_weights: bool = False


class TokenInput(nn.Module):
    """Tokens as vectors: an embedding, or (without one) the token itself, which cells read as one-hot.

    Code 0 stands for every token that did not occur in training. To learn what such a token means, rare
    tokens are read as 0 at random in training (Lample et al., 2016).

    Parameters
    ----------
    n_tokens : int
        Number of codes V, including code 0.
    embedding_size : int or None
        Width of the embedding; None for one-hot.
    rare : Tensor of bool of shape (V,), optional
        The tokens that are read as 0 with probability 1/2 in training.

    References
    ----------
    Lample, G. et al. (2016). Neural architectures for named entity recognition. NAACL, section 5.1.
    """

    def __init__(self, n_tokens, embedding_size, rare=None):
        super().__init__()
        self.output_size = n_tokens if embedding_size is None else embedding_size
        self.embedding = None if embedding_size is None else nn.Embedding(n_tokens, embedding_size)
        self.register_buffer("rare", torch.zeros(n_tokens, dtype=torch.bool) if rare is None else rare)
        self.has_rare = rare is not None and bool(rare.any())  # not of the buffer, which may be on "meta"
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)
            nn.init.zeros_(self.embedding.weight.data[0])

    def forward(self, codes):
        """Look up (S_b,) codes: (S_b, embedding_size), or the codes themselves."""
        codes = self.hide_rare(codes)
        return codes if self.embedding is None else self.embedding(codes)

    def hide_rare(self, codes):
        """Read rare tokens as 0 at random, in training."""
        if not self.training or not self.has_rare:
            return codes
        draw = torch.rand(codes.shape, device=codes.device, generator=get_generator())
        is_hidden = self.rare[codes] & (draw < 0.5)
        return codes.masked_fill(is_hidden, 0)


class Network(nn.Module):
    """What training and files need of a network; a subclass ends its ``__init__`` with `_note_first`."""

    @property
    def is_chain(self):
        """Whether this is a `RecurrentNetwork` of parts of this package, each of which runs once."""
        return False

    def _note_first(self):
        self._first = (next(self.parameters()),)  # a tuple, so that it is not registered twice

    @classmethod
    def from_weights(cls, weights, device, dtype, spec):
        """Make a network from existing weights, without drawing others first.

        Parameters
        ----------
        weights : dict of str to ndarray
            The arrays of the `state_dict` of such a network. They are copied.
        device : torch.device
            The device of the network.
        dtype : torch.dtype
            Type of its numbers.
        spec : NetworkSpec
            What the class is called with.

        Returns
        -------
        Network
            The network, of this class.

        Raises
        ------
        RuntimeError
            If weights are missing, or have other names or shapes than the network's.

        Examples
        --------
        >>> import torch
        >>> from sklearn_rnn.nn import NetworkSpec, RecurrentNetwork
        >>> spec = NetworkSpec(input_size=3, n_outputs=2)
        >>> weights = {name: w.numpy() for name, w in RecurrentNetwork(spec).state_dict().items()}
        >>> network = RecurrentNetwork.from_weights(weights, "cpu", torch.float32, spec)
        >>> bool((network.head.output.weight.detach().numpy() == weights["head.output.weight"]).all())
        True
        """
        tensors = {
            name: torch.tensor(w, device=device, dtype=dtype if w.dtype.kind == "f" else None)
            for name, w in weights.items()
        }
        if not has_own_classes(spec):
            network = cls(spec).to(device, dtype)  # a user's class: it may hold other tensors, too
            network.load_state_dict(tensors)
            return network
        # On the meta device nothing is drawn and no memory is taken. Drawing orthogonal weights would take
        # longer than reading them from a file.
        with torch.device("meta"), NoWeights():
            network = cls(spec)
        network.load_state_dict(tensors, assign=True)
        network._note_first()
        return network

    def set_kernel_dtype(self, dtype):
        """Set the type that cuDNN's kernels compute with.

        Parameters
        ----------
        dtype : torch.dtype or None
            See `Recurrence`.
        """
        for part in self.modules():
            if isinstance(part, Recurrence):
                part.kernel_dtype = dtype

    @property
    def like(self):
        """A parameter: it has the device and the type that batches need."""
        return self._first[0]


class RecurrentLayers(nn.Module):
    """Input layer and recurrent layers over packed batches.

    Parameters
    ----------
    spec : LayersSpec
        Their description.
    top_options : dict, optional
        Options of the top layer's cells.
    """

    def __init__(self, spec, top_options=None):
        super().__init__()
        input_size = spec.input_size
        self.input = None
        if spec.is_tokens:
            rare = None if spec.rare is None else torch.from_numpy(spec.rare)
            self.input = TokenInput(input_size, spec.embedding_size, rare)
            input_size = self.input.output_size
        self.joins_condition = spec.condition_size is not None and spec.condition_as == "input"
        if self.joins_condition:
            input_size += spec.condition_size
        self.drops_input = spec.is_tokens and spec.embedding_size is not None
        cell = CELLS.get(spec.cell, spec.cell)
        bound = getattr(cell, "keywords", {})

        def make_cell(size, is_top):
            options = {"nonlinearity": spec.nonlinearity} if _class_of(cell).uses_nonlinearity else {}
            options |= (is_top and top_options) or {}
            return cell(size, spec.hidden_size, **{k: v for k, v in options.items() if k not in bound})

        self.recurrence = Recurrence(
            make_cell,
            input_size,
            num_layers=spec.num_layers,
            bidirectional=spec.bidirectional,
            dropout=spec.dropout,
            bptt_steps=spec.bptt_steps,
        )
        if spec.is_tokens and spec.embedding_size is None:
            for first in self.recurrence.layers[0]:  # an unknown token starts as a vector of zeros
                if hasattr(first, "weight_ih"):  # a cell may project in its own way
                    nn.init.zeros_(first.weight_ih.data[:, 0])
        self.initial_state = None
        if spec.condition_size is not None and not self.joins_condition:
            self.initial_state = InitialState(spec.condition_size, self.recurrence.cells)
        self.dropout = Dropout(spec.dropout)
        self.bidirectional = spec.bidirectional

    def run_layers(self, batch, state=None, *, need_state=False):
        """Run the input layer and the recurrent layers.

        Parameters
        ----------
        batch : PackedBatch
            Packed values.
        state : list of tuple of Tensor, optional
            The state to start from, see `Recurrence.forward`; by default that of the beginning of sequences.
        need_state : bool, default=False
            Whether to return the state after the last step of each sequence.

        Returns
        -------
        outputs : Tensor of shape (n_steps_total, output_size of the recurrence)
            The top layer's outputs.
        state : list of tuple of Tensor, or None
            The state, if requested, without gradients: these end at the border between two chunks of a
            stream.
        """
        condition = batch.condition
        rows = condition.index_select(0, batch.packing.row) if self.joins_condition else None
        values = self.read(batch.values, rows)
        if state is None and self.initial_state is not None:
            state = self.initial_state(condition, self.recurrence.cells)
        outputs, after = self.recurrence(values, batch.packing, state, need_state=need_state)
        return outputs, [tuple(s.detach() for s in part) for part in after] if need_state else None

    def read(self, values, condition=None):
        """Run the input layer: what comes before the recurrent layers.

        Parameters
        ----------
        values : Tensor of shape (n_steps_total, d), or int64 of shape (n_steps_total,)
            Features or tokens.
        condition : Tensor of shape (n_steps_total, p), optional
            Where it joins the input: the vector of each step's sequence.

        Returns
        -------
        Tensor of shape (n_steps_total, input_size of the recurrence), or int64 of shape (n_steps_total,)
            What the recurrent layers read.
        """
        if self.input is not None:
            values = self.input(values)
        if self.drops_input:
            values = self.dropout(values)
        if self.joins_condition:
            values = join(values, condition, None if self.input is None else self.input.output_size)
        return values


class RecurrentNetwork(RecurrentLayers, Network):
    """Input layer, recurrence, pooling (many to one) and head, over packed batches.

    Parameters
    ----------
    spec : NetworkSpec
        Its description.

    Examples
    --------
    The network of a fitted estimator:

    >>> from sklearn_rnn import RNNClassifier
    >>> X = [[0.0, 1.0], [2.0, 3.0, 4.0]]
    >>> network = RNNClassifier(hidden_size=4, max_iter=1).fit(X, ["rises", "goes on"]).module_
    >>> network.recurrence.output_size, network.head.n_outputs
    (4, 2)

    Your own:

    >>> import numpy as np, torch
    >>> from sklearn_rnn.batches.packing import PackedBatch, Packing
    >>> from sklearn_rnn.nn import NetworkSpec, RecurrentNetwork
    >>> network = RecurrentNetwork(NetworkSpec(input_size=3, n_outputs=2))
    >>> network(PackedBatch(torch.zeros(5, 3), Packing(np.array([3, 2])))).shape
    torch.Size([2, 2])
    """

    def __init__(self, spec):
        cell, head = _class_of(CELLS.get(spec.cell, spec.cell)), HEADS.get(spec.head, spec.head)
        top_options = None
        if cell.emits_scores:
            top_options = {
                "output_size": _class_of(head).count_scores(spec.n_outputs),
                "output_activation": _class_of(head).make_activation(spec.n_outputs),
            }
        super().__init__(spec, top_options)
        size = self.recurrence.output_size
        if spec.tie_weights and cell.emits_scores:
            raise ValueError(
                "tie_weights=True needs an output layer after the recurrent layers, but the top layer of "
                f"{cell.__name__} puts out scores itself. Choose another cell, or tie_weights=False."
            )
        if spec.tie_weights and spec.embedding_size != size:
            raise ValueError(
                "With tie_weights=True embedding_size must be the width of what the output layer reads (that "
                "is hidden_size, unless the cell says otherwise), "
                f"{size}, but it is {spec.embedding_size}."
            )
        per_step = spec.pooling is None
        directions = 2 if spec.bidirectional else 1
        self.pooling = None if per_step else POOLINGS[spec.pooling](size, directions)
        self.emits_scores = cell.emits_scores
        reads = None if cell.emits_scores or spec.tie_weights else size
        self.head = head(reads, spec.n_outputs, per_step=per_step, **spec.head_options)
        if spec.tie_weights:
            self.head.output = TiedLinear(self.input.embedding, self.head.n_scores)
        self._note_first()

    @property
    def is_chain(self):
        """See `Network`; a subclass of a part may compute something else."""
        has_own_parts = type(self.recurrence) is Recurrence and type(self.input) in (TokenInput, type(None))
        return type(self) is RecurrentNetwork and has_own_parts

    def forward(self, batch, state=None, *, need_state=False):
        """Compute scores.

        Parameters
        ----------
        batch : PackedBatch
            Packed values.
        state, need_state
            See `run_layers`.

        Returns
        -------
        scores : Tensor of shape (B, n_scores) or (n_steps_total, n_scores)
            Scores of the sequences, or of the steps.
        state : list of tuple of Tensor
            The state after the last step of each sequence. Only with `need_state`.
        """
        outputs, state = self.run_layers(batch, state, need_state=need_state)
        if self.pooling is not None:
            outputs = self.pooling(outputs, batch.packing)
        scores = self.read_out(outputs)
        return (scores, state) if need_state else scores

    def read_out(self, outputs):
        """Compute scores from the outputs of `run_layers`, or from what they are pooled to.

        Parameters
        ----------
        outputs : Tensor of shape (n, output_size of the recurrence)
            One row per step, or per sequence.

        Returns
        -------
        Tensor of shape (n, n_scores)
            Scores.
        """
        if not self.emits_scores:
            outputs = self.dropout(outputs) if self.training else outputs
        elif self.bidirectional:
            outputs = sum(outputs.chunk(2, dim=1))  # the two directions' scores are added
        return self.head(outputs)


def _class_of(part):
    """Return a class, without the options bound to it."""
    return getattr(part, "func", part)


def has_own_classes(spec):
    """Return whether a description names no classes but those of this package; see `is_own_class`."""
    values = [getattr(spec, f.name) for f in fields(spec)]
    return all(has_own_classes(v) if isinstance(v, LayersSpec) else is_own_class(v) for v in values)
