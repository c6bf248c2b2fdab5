"""The whole network: input layer, recurrence, pooling, head."""

from functools import partial

import torch
from torch import nn

from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.condition import InitialState, join
from sklearn_rnn.nn.drawing import Dropout, NoWeights, get_generator, is_own_class
from sklearn_rnn.nn.heads import HEADS
from sklearn_rnn.nn.heads.tied import TiedLinear
from sklearn_rnn.nn.pooling import POOLINGS
from sklearn_rnn.nn.recurrence import Recurrence


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
    def from_weights(cls, weights, device, dtype, **architecture):
        """Make a network from existing weights, without drawing others first.

        Parameters
        ----------
        weights : dict of str to ndarray
            The arrays of the `state_dict` of such a network. They are copied.
        device : torch.device
            The device of the network.
        dtype : torch.dtype
            Type of its numbers.
        **architecture
            The parameters of the class.

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
        >>> from sklearn_rnn.nn import RecurrentNetwork
        >>> architecture = dict(
        ...     input_size=3, is_tokens=False, rare=None, embedding_size=None, cell="gru", hidden_size=4,
        ...     num_layers=1, bidirectional=False, nonlinearity="tanh", dropout=0.0, pooling="last",
        ...     bptt_steps=None, head="softmax", n_outputs=2,
        ... )
        >>> weights = {name: w.numpy() for name, w in RecurrentNetwork(**architecture).state_dict().items()}
        >>> network = RecurrentNetwork.from_weights(weights, "cpu", torch.float32, **architecture)
        >>> bool((network.head.output.weight.detach().numpy() == weights["head.output.weight"]).all())
        True
        """
        tensors = {
            name: torch.tensor(w, device=device, dtype=dtype if w.dtype.kind == "f" else None)
            for name, w in weights.items()
        }
        if not all(map(is_own_class, architecture.values())):
            network = cls(**architecture).to(device, dtype)  # a user's class: it may hold other tensors, too
            network.load_state_dict(tensors)
            return network
        # On the meta device nothing is drawn and no memory is taken. Drawing orthogonal weights would take
        # longer than reading them from a file.
        with torch.device("meta"), NoWeights():
            network = cls(**architecture)
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
    """Input layer and recurrent layers, over packed batches.

    Parameters
    ----------
    input_size : int
        Number of features d, or of token codes V.
    is_tokens : bool
        Whether inputs are token codes.
    rare : ndarray of bool of shape (V,), optional
        See `TokenInput`.
    embedding_size : int or None
        See `TokenInput`.
    cell : str, type or functools.partial
        A name in `CELLS`, a `Cell` class, or one with bound options.
    hidden_size, num_layers, bidirectional
        See `Recurrence`.
    nonlinearity : {"tanh", "relu", "sigmoid"}
        For the cells whose nonlinearity can be chosen.
    dropout : float in [0, 1)
        See `Recurrence`. It acts on all that goes from one layer to the next, the input layer's embedding
        included.
    bptt_steps : int, optional
        See `Recurrence`.
    condition_size : int, optional
        Width p of a vector that comes with each sequence.
    condition_as : {"input", "state"}, default="input"
        Whether this vector joins the input of each step, or sets the initial state; see `condition.py`.
    top_options : dict, optional
        Options of the top layer's cells.
    """

    def __init__(
        self,
        *,
        input_size,
        is_tokens,
        rare,
        embedding_size,
        cell,
        hidden_size,
        num_layers,
        bidirectional,
        nonlinearity,
        dropout,
        bptt_steps=None,
        condition_size=None,
        condition_as="input",
        top_options=None,
    ):
        super().__init__()
        self.input = None
        if is_tokens:
            self.input = TokenInput(
                input_size, embedding_size, None if rare is None else torch.from_numpy(rare)
            )
            input_size = self.input.output_size
        self.joins_condition = condition_size is not None and condition_as == "input"
        if self.joins_condition:
            input_size += condition_size
        self.drops_input = is_tokens and embedding_size is not None
        cell = CELLS.get(cell, cell)
        bound = getattr(cell, "keywords", {})

        def make_cell(size, is_top):
            options = {"nonlinearity": nonlinearity} if _class_of(cell).uses_nonlinearity else {}
            options |= (is_top and top_options) or {}
            return cell(size, hidden_size, **{k: v for k, v in options.items() if k not in bound})

        self.recurrence = Recurrence(
            make_cell,
            input_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            bptt_steps=bptt_steps,
        )
        if is_tokens and embedding_size is None:
            for first in self.recurrence.layers[0]:  # an unknown token starts as a vector of zeros
                if hasattr(first, "weight_ih"):  # a cell may project in its own way
                    nn.init.zeros_(first.weight_ih.data[:, 0])
        self.initial_state = None
        if condition_size is not None and not self.joins_condition:
            self.initial_state = InitialState(condition_size, self.recurrence.cells)
        self.dropout = Dropout(dropout)
        self.bidirectional = bidirectional

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
    cell : str, type or functools.partial
        See `RecurrentLayers`.
    pooling : {"last", "mean", "max", "attention"} or None
        How steps become one vector; None where each step is answered.
    head : str or type
        A name in `HEADS`, or a `Head` class.
    n_outputs : int or list of int
        See `Head`.
    embedding_size : int or None
        See `RecurrentLayers`.
    tie_weights : bool, default=False
        Whether the output layer's weight is the embedding (`TiedLinear`). The recurrence must then put out
        vectors as wide as the embedding's.
    label_smoothing : float in [0, 1), default=0.0
        If it is not 0, an option of the head; see `SoftmaxHead`.
    **layers
        See `RecurrentLayers`. Dropout acts on what the head reads as well.

    Examples
    --------
    The network of a fitted estimator:

    >>> from sklearn_rnn import RNNClassifier
    >>> X = [[0.0, 1.0], [2.0, 3.0, 4.0]]
    >>> network = RNNClassifier(hidden_size=4, max_iter=1).fit(X, ["rises", "goes on"]).module_
    >>> network.recurrence.output_size, network.head.n_outputs
    (4, 2)
    """

    def __init__(
        self,
        *,
        cell,
        pooling,
        head,
        n_outputs,
        embedding_size,
        tie_weights=False,
        label_smoothing=0.0,
        **layers,
    ):
        cell, head = CELLS.get(cell, cell), HEADS.get(head, head)
        emits_scores, top_options = _class_of(cell).emits_scores, None
        if emits_scores:
            top_options = {
                "output_size": _class_of(head).count_scores(n_outputs),
                "output_activation": _class_of(head).make_activation(n_outputs),
            }
        super().__init__(cell=cell, embedding_size=embedding_size, top_options=top_options, **layers)
        size = self.recurrence.output_size
        if tie_weights and emits_scores:
            raise ValueError(
                "tie_weights=True needs an output layer after the recurrent layers, but the top layer of "
                f"{_class_of(cell).__name__} puts out scores itself. Choose another cell, or "
                "tie_weights=False."
            )
        if tie_weights and embedding_size != size:
            raise ValueError(
                "With tie_weights=True embedding_size must be the width of what the output layer reads (that "
                f"is hidden_size, unless the cell says otherwise), {size}, but it is {embedding_size}."
            )
        per_step = pooling is None
        self.pooling = None if per_step else POOLINGS[pooling](size, 2 if self.bidirectional else 1)
        self.emits_scores = emits_scores
        if label_smoothing:
            head = partial(head, label_smoothing=label_smoothing)
        self.head = head(None if emits_scores or tie_weights else size, n_outputs, per_step=per_step)
        if tie_weights:
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
