"""Sequence to sequence: targets of any length."""

import warnings

import numpy as np
import torch
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._names import renamed
from sklearn_rnn.batches.datasets import PairDataset, gather_sources
from sklearn_rnn.batches.planning import plan_prediction
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.data.hints import warn_of_padding
from sklearn_rnn.data.parameters import check_count
from sklearn_rnn.data.problems import find_caller
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.encoding.pairs import SourceEncoder, make_target_encoder, read_targets
from sklearn_rnn.estimators.base import BaseRNN, TrainingData, read_validation
from sklearn_rnn.estimators.parameters import DECODER
from sklearn_rnn.estimators.sampling import Streams, check_sampling, choose, make_key
from sklearn_rnn.estimators.scoring import Given
from sklearn_rnn.metrics.edit import exact_match_score
from sklearn_rnn.nn.decoding import decode, search_beam, write_numbers
from sklearn_rnn.nn.encoder_decoder import DecoderLoop, EncoderDecoder, EncoderDecoderSpec
from sklearn_rnn.nn.kernels.choose import threads_for
from sklearn_rnn.nn.kernels.rows import log_softmax, softmax
from sklearn_rnn.nn.kernels.threads import fair_threads
from sklearn_rnn.nn.network import LayersSpec
from sklearn_rnn.training import Progress, TokenProgress

_ROWS = 512  # sources, or hypotheses of the beam search, that are decoded at once


# Parameters of the estimator that are those of its network.
_OF_NETWORK = (
    *("cell", "hidden_size", "num_layers", "bidirectional", "attention", "copy_mechanism", "nonlinearity"),
    *("dropout", "embedding_size", "scheduled_sampling"),
)


class RNNSeq2Seq(BaseRNN):
    """Sequence to sequence: an encoder reads the source, a decoder writes a target of another length.

    A target is a sequence of tokens, or of numbers; the network predicts where it ends. With vectors instead
    of sequences as sources the model is one to many: a decoder alone, which starts from the vector.

    Parameters
    ----------
    cell : {"elman", "jordan", "lstm", "gru"} or Cell subclass, default="lstm"
        Recurrent cell of the encoder; see `RNNClassifier`.
    hidden_size : int, default=128
        Width H of the recurrent state of the encoder.
    num_layers : int, default=1
        Number of recurrent layers of the encoder, stacked.
    bidirectional : bool, default=True
        Whether the encoder also reads the source from its end.
    decoder_cell : {"elman", "jordan", "lstm", "gru"} or Cell subclass, optional
        Recurrent cell of the decoder; by default that of the encoder. A Jordan cell feeds back an output of
        width H.
    decoder_hidden_size : int, optional
        Width of the recurrent state of the decoder; by default that of the encoder.
    decoder_num_layers : int, optional
        Number of recurrent layers of the decoder; by default that of the encoder.
    attention : {"dot", "additive"}, Attention subclass or None, default="dot"
        How the decoder attends to the steps of the source: by a dot product with a learnt projection of each
        (Luong et al., 2015), by a small network (Bahdanau et al., 2015), or by your own class, see
        `sklearn_rnn.nn.Attention`. Without attention (None) the decoder reads only the last state of the
        encoder. No effect on vectors, which have no steps.
    copy_mechanism : bool, default=False
        Whether the decoder can copy tokens of the source to the target, in addition to those of
        `target_vocabulary_`, also tokens that did not occur in training: attention selects them
        (pointer-generator, See et al., 2017). Source and target must hold tokens of one kind: both
        characters, both words, or both integers. After a copied token that is not in the vocabulary the
        decoder continues as after an unknown one.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Activation function of the hidden layer, for cells that take one: Elman's and Jordan's.
    dropout : float in [0, 1), default=0.0
        Probability with which a number passed from one layer to the next (embedding, recurrent layers, output
        layer) is set to zero in training.
    embedding_size : int or None, default=64
        Width of the learnt vectors that represent tokens, of the source and of the target. None for one-hot.
    vocabulary : str or collection of tokens, optional
        The known tokens of sources: the characters of a str, or a list of words or of codes. By default those
        of training. No effect on sources of numbers. All tokens of the targets of training are known.
    handle_unknown : {"unknown", "error"}, default="unknown"
        What to do with a token that is not in the vocabulary: read it as the unknown token, or raise an
        error. The unknown token is learnt from the training tokens that `min_frequency` or `vocabulary` leave
        out, and from those that occur once, which are read as unknown at random (Lample et al., 2016).
    min_frequency : int or float, default=1
        How often a token must occur in training to be in the vocabulary: a number of steps, or a share of all
        steps if it is a float between 0 and 1. A value other than 1 requires ``handle_unknown="unknown"``.
    scheduled_sampling : float in [0, 1], default=0.0
        Probability with which the decoder reads its own prediction of the last token, or of the last numbers,
        instead of the true ones in training. The predictions come from a first pass with the true ones. It
        mostly improves the prediction of numbers, where small errors add up if there were none in training.
    beam_size : int, default=1
        Number of hypotheses that the beam search keeps at each step. 1 takes the most likely token at each
        step (greedy search). Must be 1 for targets of numbers.
    length_penalty : float, default=0.0
        Hypotheses are ranked by their log-probability, divided by their length to this power: a value greater
        than 0 prefers longer targets.
    max_length : int, optional
        Largest number of steps of a predicted target. By default the length of the longest target in
        training, or the largest ratio of target length to source length in training times the number of steps
        of the source, whichever is larger.
    max_iter : int, default=50
        Number of epochs.
    batch_size : int or "all", default=32
        Number of pairs in a batch.
    learning_rate : float, default=0.003
        Step size of the optimizer.
    optimizer : {"adam", "adamw", "nadam", "radam", "adagrad", "rmsprop", "sgd"} or callable, default="adam"
        A name, or a class of `torch.optim` (options bound to it with `functools.partial`). "sgd" has a
        Nesterov momentum of 0.9, as in `sklearn.neural_network.MLPClassifier`.
    weight_decay : float, default=0.0
        Strength of the optimizer's weight decay.
    max_grad_norm : float or None, default=1.0
        Gradients with a larger Euclidean norm are scaled down to it. None for no limit.
    early_stopping : bool, default=False
        Whether to set `validation_fraction` of the pairs aside and to stop when `scoring` on them has not
        improved by `tol` for `n_iter_no_change` epochs. The network is then trained again from scratch on all
        pairs, up to the last epoch that was nearly as good as the best, and until the training loss is as
        small as it was then; see the user guide. With `X_val`, or with `callbacks` that do more than observe,
        the weights of the best epoch, `best_epoch_`, are restored instead. A single epoch is trained on all
        pairs.
    scoring : str, callable or None, default="loss"
        The score that `early_stopping` monitors and `validation_scores_` holds: "loss", the mean
        log-probability of a token of the true target (of numbers, the negative loss); the name of a scorer
        (see `sklearn_rnn.metrics.get_scorer_names`), such as "exact_match", which is 0 in the first epochs,
        so that `n_iter_no_change` must be large enough; a callable ``scorer(estimator, X, y)``, for which
        larger values are better; or None, the estimator's own `score`.
    validation_fraction : float in (0, 1), default=0.1
        Share of the sequences set aside by `early_stopping`.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which `early_stopping` stops. On small data sets it also
        waits for 300 updates of the weights without improvement.
    tol : float, default=1e-4
        An improvement of the validation score by less than this does not count.
    warm_start : bool, default=False
        Whether a further call of `fit` continues to train the network for another `max_iter` epochs.
    padding_value : float or str, optional
        Trailing steps in which every feature has this value (it may be NaN) are padding and are dropped. A
        str is the padding of text: a word such as "<pad>", or a character.
    device : str or torch.device, default="auto"
        Device to compute on. "auto" is a GPU if there is one and this is not a worker process, else the CPU.
    dtype : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        Type of the weights and of all computation. "float64" is slower and meant for comparisons. "bfloat16"
        is mixed precision on a GPU: the recurrent kernels compute with 16 bits, everything else with 32.
        "auto" is "bfloat16" on a GPU with hardware support for it, else "float32". `X` is read as float32 in
        any case.
    callbacks : list of skorch.callbacks.Callback, optional
        For example `skorch.callbacks.LRScheduler`. Callbacks are copied, but not the objects that they hold;
        the copies are in ``net_.callbacks_``.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random: weights, dropout, the order of batches, the validation split. The
        global random states are neither read nor changed.
    verbose : int, default=0
        1 shows a progress bar if training takes longer than a moment, 2 prints a line per epoch.

    Attributes
    ----------
    target_vocabulary_ : ndarray of shape (n_tokens,)
        The distinct tokens of the training targets, sorted; only if targets hold tokens.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of the targets, if they hold numbers.
    vocabulary_ : ndarray of shape (n_source_tokens,)
        The distinct tokens of the sources, sorted; only if sources hold tokens.
    source_labels_ : ndarray of shape (n_labels,)
        The distinct labels, sorted; only if each source is a label.
    n_features_in_ : int
        Number of features of a source.
    feature_names_in_ : ndarray of str
        Names of the features, if they have any.
    n_iter_, loss_curve_, best_loss_, validation_scores_, history_, module_, net_
        See `RNNClassifier`. Losses are in nats per token; of numbers, the squared error in units of the
        targets' variance plus the nats of ending or not, per step.

    See Also
    --------
    RNNTagger : A label for each step.
    RNNLanguageModel : Text without a source, or under a condition.

    Notes
    -----
    A token of a source that did not occur in training is read as unknown, which is learnt from tokens that
    occur once: these are sometimes read as unknown in training (Lample et al., 2016). A target cannot hold a
    token that did not occur in training, unless ``copy_mechanism=True`` and its source holds it.

    References
    ----------
    Sutskever, I., Vinyals, O. and Le, Q. V. (2014). Sequence to sequence learning with neural networks. NIPS.
    Luong, M.-T., Pham, H. and Manning, C. D. (2015). Effective approaches to attention-based neural machine
    translation. EMNLP.
    Bahdanau, D., Cho, K. and Bengio, Y. (2015). Neural machine translation by jointly learning to align and
    translate. ICLR.
    See, A., Liu, P. J. and Manning, C. D. (2017). Get to the point: Summarization with pointer-generator
    networks. ACL.
    Lample, G. et al. (2016). Neural architectures for named entity recognition. NAACL, section 5.1.
    Bengio, S. et al. (2015). Scheduled sampling for sequence prediction with recurrent neural networks. NIPS.
    Mihaylova, T. and Martins, A. (2019). Scheduled sampling for transformers. ACL Student Research Workshop.

    Examples
    --------
    Plurals of words:

    >>> from sklearn_rnn import RNNSeq2Seq
    >>> X = ["cat", "dog", "bus", "box", "hat", "fox", "cup", "gas"]
    >>> y = ["cats", "dogs", "buses", "boxes", "hats", "foxes", "cups", "gases"]
    >>> model = RNNSeq2Seq(hidden_size=32, max_iter=100, random_state=0).fit(X, y)
    >>> model.predict(["fox", "dog"]).tolist()
    ['foxes', 'dogs']
    >>> model.score(X, y)
    1.0

    A countdown from a number, one to many:

    >>> import numpy as np
    >>> n = np.repeat(np.arange(2, 9), 4)
    >>> model = RNNSeq2Seq(random_state=0).fit(n.reshape(-1, 1), [np.arange(k, 0.0, -1) for k in n])
    >>> model.predict(np.array([[5]]))[0].round().astype(int).tolist()
    [5, 4, 3, 2, 1]
    """

    pooling = None
    bptt_steps = None
    _per_step = True
    _embeds_inputs_alone = False
    _network_class = EncoderDecoder
    _extra_rules = DECODER

    @renamed(clip_norm="max_grad_norm", copy="copy_mechanism")
    def __init__(
        self,
        *,
        cell="lstm",
        hidden_size=128,
        num_layers=1,
        bidirectional=True,
        decoder_cell=None,
        decoder_hidden_size=None,
        decoder_num_layers=None,
        attention="dot",
        copy_mechanism=False,
        nonlinearity="tanh",
        dropout=0.0,
        embedding_size=64,
        vocabulary=None,
        handle_unknown="unknown",
        min_frequency=1,
        scheduled_sampling=0.0,
        beam_size=1,
        length_penalty=0.0,
        max_length=None,
        max_iter=50,
        batch_size=32,
        learning_rate=0.003,
        optimizer="adam",
        weight_decay=0.0,
        max_grad_norm=1.0,
        early_stopping=False,
        scoring="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        padding_value=None,
        device="auto",
        dtype="float32",
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self._store(locals())

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Train on pairs of sources and targets.

        Parameters
        ----------
        X : sequences in any form, or array of shape (n_pairs, n_features) or (n_pairs,)
            The sources: numbers or tokens; see `RNNClassifier`. One to many: an array of numbers (or a
            DataFrame), one vector per row; or an array of integers with one axis, each of which is a label.
            An array with two axes holds sequences of one feature if it is masked, or `padding_value` is a
            number.
        y : list of str, list of lists of str, list of arrays, or Sequences
            The targets, of any length, also empty: tokens (characters, words, or codes as 1-D integer
            arrays), or numbers, float arrays of shape (n_steps_i,) or (n_steps_i, n_outputs). A
            `padding_value` that is a str is removed from the end of text here as well.
        sample_weight : array of shape (n_pairs,), optional
            Weights of the pairs.
        X_val, y_val : like `X` and `y`, optional
            Validation pairs. They are scored after each epoch (see `validation_scores_`), and
            `early_stopping` uses them instead of a part of `X`.

        Returns
        -------
        RNNSeq2Seq
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, `X`, `y` or a weight is not valid; the estimator is then unchanged.
        """
        validation = X_val, y_val
        return self._fit(X, y, sample_weight, validation, goes_on=self.warm_start, epochs=self.max_iter)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch, from where training stopped.

        Parameters
        ----------
        X, y, sample_weight
            See :meth:`fit`. The first call determines the vocabularies, and the scale of numbers.

        Returns
        -------
        RNNSeq2Seq
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, (None, None), goes_on=True, epochs=1)

    def _encode_training(self, X, y, sample_weight, validation, *, reset, epochs):
        """Learn the form of the pairs if `reset`, else check it, and return data sets; see `fit`."""
        (sources, source_form), (targets, target_form) = self._read_forms(X, y, reset=reset)
        weights = check_sample_weight(sample_weight, targets.lengths, per_step=False)
        rows = np.arange(len(targets))
        if weights is not None and not weights.all():  # as if these had not been passed
            rows = np.flatnonzero(weights)
            sources, targets, weights = sources[rows], targets[rows], weights[rows]
        if reset:
            if self.copy_mechanism:
                self._check_copies(sources, targets)
            warn_of_padding(targets, "y")
            self.target_encoder_.learn(targets, target_form, weights)
            self.input_encoder_.learn(sources, source_form, self)
        dataset = self._encode_pairs(sources, targets, weights)
        held_out = read_validation(*validation, self._read_held_out)
        self._learn_lengths(sources, targets, reset=reset)
        given = Given(*validation) if held_out else Given(X, y, sample_weight, rows)
        return TrainingData(dataset, held_out, given=given)

    def _read_pairs(self, X, y, names=("X", "y")):
        """Return sources and targets of the form of training; their tokens are not encoded yet."""
        (sources, _), (targets, _) = self._read_forms(X, y, names, reset=False)
        return sources, targets

    def _read_forms(self, X, y, names=("X", "y"), *, reset):
        """Return sources with their form, and targets with theirs."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target {names[1]} is None."
            )
        if reset:
            self.input_encoder_ = SourceEncoder()
        sources, source_form = self.input_encoder_.read(X, self, reset=reset)
        targets, form = read_targets(y, sources, self, names[1])
        if reset:
            if len(targets.values) == 0:
                raise ValueError(f"{names[1]} holds empty targets only; at least one needs a step.")
            if not targets.is_tokens and self.scoring == "exact_match":
                raise ValueError(f"scoring='exact_match' is for tokens, but {names[1]} holds numbers.")
            self.target_encoder_ = make_target_encoder(form, y, copies=bool(self.copy_mechanism))
        elif len(targets.values):
            self.target_encoder_.check(targets, form, self.input_encoder_, self, names[1])
        return (sources, source_form), (targets, form)

    def _check_copies(self, sources, targets):
        """Raise an error for copy_mechanism=True if nothing can be copied."""
        if self.attention is None:
            raise ValueError(
                "copy_mechanism=True needs attention, which says what is copied, but attention=None. Choose "
                "another, or copy_mechanism=False."
            )
        names = {"U": "characters", "O": "words", "i": "integers", "f": "numbers"}
        of_X = names[sources.values.dtype.kind] if self.input_encoder_.is_sequence else "no sequences"
        of_y = names[targets.values.dtype.kind]
        differ = of_X != of_y or of_y == "numbers"
        if {of_X, of_y} == {"characters", "words"}:  # words of one character are characters
            differ = max(map(len, [*sources.values, *targets.values])) > 1
        if differ:
            raise TypeError(
                "copy_mechanism=True copies tokens of X to y, which requires tokens of one kind, but X holds "
                f"{of_X} and y holds {of_y}. Bring both into one form, or set copy_mechanism=False."
            )

    def _encode_pairs(self, sources, targets, weights=None, name="y"):
        """Return sources with what the decoder reads and writes; `targets` are as they were read."""
        inputs, written = self.target_encoder_.encode(targets, sources, name)
        if weights is not None:
            weights = np.repeat(weights, inputs.lengths)
            weights = weights / weights.mean()  # only their ratios count
        return PairDataset(self._encode_sources(sources), inputs, written, weights)

    def _encode_sources(self, sources):
        encoder = self.input_encoder_
        if not encoder.is_sequence:
            return sources
        encoded = encoder.encode(sources, handle_unknown=self.handle_unknown)
        if not self.target_encoder_.copies:
            return encoded
        copied = self.target_encoder_.find_copies(sources)
        return encoded.with_values(encoded.values + encoder.input_size * copied)  # both in one; see `Pointer`

    def _read_held_out(self, X, y):
        pairs = self._read_pairs(X, y, names=("X_val", "y_val"))
        return self._encode_pairs(*pairs, name="y_val")

    def _learn_lengths(self, sources, targets, *, reset):
        """Learn the lengths of targets, which limit those of predictions."""
        longest = int(targets.lengths.max())
        steps = sources.lengths if self.input_encoder_.is_sequence else 1
        ratio = float((targets.lengths / steps).max())
        before = (0, 0.0) if reset else self._lengths
        self._lengths = max(longest, before[0]), max(ratio, before[1])

    def _describe_network(self):
        sources, targets = self.input_encoder_, self.target_encoder_
        decoder = {
            f"decoder_{name}": getattr(self, name) if value is None else value
            for name in ("cell", "hidden_size", "num_layers")
            for value in [getattr(self, f"decoder_{name}")]
        }
        return (
            {name: getattr(self, name) for name in _OF_NETWORK}
            | decoder
            | {
                "source_size": sources.input_size,
                "source_is_sequence": sources.is_sequence,
                "source_is_tokens": sources.is_tokens,
                "rare": sources.rare,
                "input_size": targets.input_size,
                "target_is_tokens": targets.is_tokens,
                "rare_inputs": targets.rare,
                "head": targets.head,
                "n_outputs": targets.n_outputs,
            }
        )

    def _make_spec(self):
        parts = self._network
        shared = {name: parts[name] for name in ("embedding_size", "nonlinearity", "dropout")}
        encoder = None
        if parts["source_is_sequence"]:
            encoder = LayersSpec(
                input_size=parts["source_size"],
                is_tokens=parts["source_is_tokens"],
                rare=parts["rare"],
                cell=parts["cell"],
                hidden_size=parts["hidden_size"],
                num_layers=parts["num_layers"],
                bidirectional=parts["bidirectional"],
                **shared,
            )
        decoder = LayersSpec(
            input_size=parts["input_size"],
            is_tokens=parts["target_is_tokens"],
            rare=parts["rare_inputs"],
            cell=parts["decoder_cell"],
            hidden_size=parts["decoder_hidden_size"],
            num_layers=parts["decoder_num_layers"],
            **shared,
        )
        same = ("source_size", "head", "n_outputs", "attention", "scheduled_sampling", "copy_mechanism")
        return EncoderDecoderSpec(encoder=encoder, decoder=decoder, **{name: parts[name] for name in same})

    @property
    def _progress(self):
        return TokenProgress if self.target_encoder_.is_tokens else Progress

    @property
    def vocabulary_(self):
        """The tokens of the sources of training, sorted."""
        return self._learnt("input_encoder_", "vocabulary").tokens

    @property
    def source_labels_(self):
        """The labels that are sources, sorted."""
        return self._learnt("input_encoder_", "labels")

    @property
    def target_vocabulary_(self):
        """The tokens of the targets of training, sorted."""
        return self._learnt("target_encoder_", "vocabulary").tokens

    @property
    def target_mean_(self):
        """Mean of each number of the targets of training."""
        return self._learnt("target_encoder_", "mean")

    @property
    def target_scale_(self):
        """Standard deviation of each number of the targets of training."""
        return self._learnt("target_encoder_", "scale")

    # Prediction

    def _decode_all(self, sources, run, width=1):
        """Call a function on batches of sources; return its results in the user's order.

        ``run(loop, limits, members)`` returns lists with one entry per source, and decodes `width` rows for
        each source.
        """
        network = self.module_
        n = len(sources)
        lengths = sources.lengths if self.input_encoder_.is_sequence else np.ones(n, dtype=np.int64)
        limits = self._limit(lengths)
        answers, order = None, []
        rows = max(1, _ROWS // width)
        for members in plan_prediction(lengths):
            for first in range(0, len(members), rows):
                part = members[first : first + rows]
                with torch.inference_mode(), threads_for(network):
                    source, row = gather_sources(sources, part, network.like)
                    memory = network.encode(source)
                    memory = memory if row is None else memory.select(row)
                    results = run(
                        DecoderLoop(network, memory, self.target_encoder_.begin), limits[part], part
                    )
                answers = answers or [[] for _ in results]
                for whole, result in zip(answers, results, strict=True):
                    whole.extend(result)
                order.extend(part)
        place = np.argsort(order)
        return [[whole[i] for i in place] for whole in answers]

    def _limit(self, lengths):
        if self.max_length is not None:
            return np.full(len(lengths), self.max_length)
        longest, ratio = self._lengths
        return np.maximum(longest, np.ceil(ratio * lengths).astype(np.int64))

    def _decode_greedily(self, loop, limits, members):
        return decode(loop, lambda logs, rows: logs.argmax(axis=1), limits, self.target_encoder_.end)

    def _search(self, sources, n_best=1):
        width = max(self.beam_size, n_best)

        def run(loop, limits, members):
            return search_beam(loop, width, limits, self.target_encoder_.end, self.length_penalty, n_best)

        return self._decode_all(sources, run, width)

    def _read_inputs(self, X):
        return self._read_and_code(X)[1:]

    def _read_and_code(self, X):
        check_is_fitted(self, "module_")
        self._check_parameters()  # some may be set after training
        sources, form = self.input_encoder_.read(X, self, reset=False)
        return sources, self._encode_sources(sources), form

    def _hidden_states(self, X, per_step):
        check_is_fitted(self, "module_")
        if not self.input_encoder_.is_sequence:
            raise ValueError("The model was fitted on vectors or labels; only sequences have hidden states.")
        return super()._hidden_states(X, per_step)

    @fair_threads()
    def predict(self, X):
        """Predict the target of each source.

        Parameters
        ----------
        X : sequences in any form, or vectors
            See :meth:`fit`.

        Returns
        -------
        object array of shape (n_sources,)
            Targets, in the form of `y` in training: str, lists of words, arrays of codes or of numbers.

        Warns
        -----
        UserWarning
            If a target did not end within its largest length, and so was cut there.
        """
        sources, coded, _ = self._read_and_code(X)
        if not self.target_encoder_.is_tokens:
            self._check_beam()
            numbers, has_ended = self._decode_all(
                coded, lambda loop, limits, members: write_numbers(loop, limits)
            )
            self._warn_of_cuts(has_ended)
            return self.target_encoder_.decode(numbers)
        if self.beam_size == 1:
            codes, _, has_ended = self._decode_all(coded, self._decode_greedily)
        else:
            codes, _, has_ended = self._search(coded)
            codes, has_ended = [c[0] for c in codes], [h[0] for h in has_ended]
        self._warn_of_cuts(has_ended)
        return self.target_encoder_.decode(codes, sources)

    def _check_beam(self):
        if self.beam_size > 1:
            raise ValueError("beam_size must be 1 where targets are numbers: there is nothing to search.")

    def _check_tokens(self, method):
        check_is_fitted(self, "module_")
        if not self.target_encoder_.is_tokens:
            raise TypeError(f"{method} is for targets of tokens, but the model was fitted on numbers.")

    def _warn_of_cuts(self, has_ended):
        n_cut = int(np.sum(~np.asarray(has_ended, dtype=bool)))
        if n_cut:
            warnings.warn(
                f"{n_cut} of {len(has_ended)} targets did not come to their end within their largest length "
                "and were cut there; set max_length, or train longer.",
                stacklevel=find_caller(),
            )

    def _decode_lists(self, codes, sources):
        """Decode several targets of each source."""
        pairs = zip(codes, sources, strict=True)
        return object_array([list(self.target_encoder_.decode(c, [x] * len(c))) for c, x in pairs])

    @fair_threads()
    def predict_nbest(self, X, k=5):
        """Search for the most probable targets of each source.

        Parameters
        ----------
        X : sequences in any form, or vectors
            See :meth:`fit`.
        k : int, default=5
            Number of targets; the beam is at least as wide.

        Returns
        -------
        targets : object array of shape (n_sources,)
            A list for each source, the best target first. It may hold fewer than k.
        log_proba : object array of ndarray
            Log-probabilities of the targets, the ends included. With a `length_penalty` they may not be in
            decreasing order.

        Warns
        -----
        UserWarning
            If the best target of a source was cut; see :meth:`predict`.
        """
        self._check_tokens("predict_nbest")
        check_count("k", k)
        sources, coded, _ = self._read_and_code(X)
        codes, log_proba, has_ended = self._search(coded, k)
        self._warn_of_cuts([h[0] for h in has_ended])
        return self._decode_lists(codes, sources), object_array(log_proba)

    @fair_threads()
    def sample(self, X, n_samples=1, *, temperature=1.0, top_k=None, top_p=None, random_state=None):
        """Draw targets of each source from the model.

        Parameters
        ----------
        X : sequences in any form, or vectors
            See :meth:`fit`.
        n_samples : int, default=1
            Number of targets for each source.
        temperature, top_k, top_p
            See `RNNLanguageModel.sample`.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. The draws for a source do not depend on the others, except equal ones, which
            have different draws.

        Returns
        -------
        object array of shape (n_sources,)
            A list of `n_samples` targets for each source.

        Warns
        -----
        UserWarning
            If a target was cut; see :meth:`predict`.
        """
        self._check_tokens("sample")
        check_count("n_samples", n_samples)
        check_sampling(temperature, top_k, top_p)
        sources, coded, _ = self._read_and_code(X)
        keys = (make_key(coded[i]) for i in range(len(coded)) for _ in range(n_samples))
        streams = Streams(random_state, keys)

        def run(loop, limits, members):
            own = (members[:, np.newaxis] * n_samples + np.arange(n_samples)).ravel()

            def draw(logs, rows):
                return choose(logs, temperature, top_k, top_p, streams.draw(own[rows]))

            n = len(limits)
            loop.repeat(n_samples)
            codes, _, has_ended = decode(loop, draw, np.repeat(limits, n_samples), self.target_encoder_.end)
            return [codes[i * n_samples : (i + 1) * n_samples] for i in range(n)], has_ended.reshape(n, -1)

        codes, has_ended = self._decode_all(coded, run, n_samples)
        self._warn_of_cuts(np.ravel(has_ended))
        return self._decode_lists(codes, sources)

    @fair_threads()
    def score(self, X, y, sample_weight=None):
        """Return the share of sources whose predicted target is correct in every token; for numbers, R^2.

        Parameters
        ----------
        X, y
            See :meth:`fit`.
        sample_weight : array of shape (n_pairs,), optional
            Weights of the pairs.

        Returns
        -------
        float
            From 0 to 1. For numbers, the coefficient of determination over all steps: if one of the two
            sequences is shorter, it is filled up with the mean of the training targets.
        """
        predicted = self.predict(X)
        if self.target_encoder_.is_tokens:
            return exact_match_score(y, predicted, sample_weight=sample_weight)
        targets = self._read_pairs(X, y)[1]
        weights = check_sample_weight(sample_weight, targets.lengths, per_step=False)
        encoder = self.target_encoder_
        predicted = [np.reshape(part, (-1, encoder.n_outputs)) for part in predicted]
        lengths = np.maximum(targets.lengths, [len(part) for part in predicted])
        rows = (encoder.mean, lengths)
        true = _fill_up(np.split(encoder.get_rows(targets), targets.offsets[1:-1]), *rows)
        weights = None if weights is None else np.repeat(weights, lengths)
        return r2_score(true, _fill_up(predicted, *rows), sample_weight=weights)

    # Evaluation of given targets

    @fair_threads()
    def _look_at(self, X, y, look):
        """Call `look` on batches of pairs; return its result for each pair, in the user's order."""
        check_is_fitted(self, "module_")
        self._check_parameters()
        dataset = self._encode_pairs(*self._read_pairs(X, y))
        answers = [None] * len(dataset)
        for members in plan_prediction(dataset.lengths):
            for first in range(0, len(members), _ROWS):
                part = members[first : first + _ROWS]
                with torch.inference_mode(), threads_for(self.module_):
                    for i, answer in zip(part, look(dataset.gather(part, self.module_.like)), strict=True):
                        answers[i] = answer
        return answers

    def _cut_steps(self, batch, packed):
        """Split results for all steps of a batch into one array per row."""
        lengths = batch.packing.lengths
        order = np.lexsort((batch.packing.step_of, batch.packing.row_of))
        return np.split(packed.cpu().numpy()[order], np.cumsum(lengths)[:-1])

    @staticmethod
    def _count_source_steps(batch):
        return batch.source.packing.lengths[batch.source_row.cpu().numpy()]

    def predict_proba(self, X, y):
        """Predict the probabilities of the next token at each step of given targets.

        Parameters
        ----------
        X, y
            See :meth:`fit`.

        Returns
        -------
        object array of ndarray of shape (n_steps_i + 1, n_tokens + 1)
            Before each token of the target, and after the last; columns in the order of `target_vocabulary_`,
            the last one is the probability that the target ends. With ``copy_mechanism=True`` there is one
            more for each step of the source: the probability of its token, if it is not in the vocabulary, at
            the step of its first occurrence; otherwise 0.
        """
        self._check_tokens("predict_proba")

        def look(batch):
            probabilities = self._cut_steps(batch, softmax(self.module_(batch).float()))
            if not self.target_encoder_.copies:
                return probabilities
            n_columns = self.target_encoder_.n_outputs + self._count_source_steps(batch)
            return [p[:, :n] for p, n in zip(probabilities, n_columns, strict=True)]

        return object_array(self._look_at(X, y, look))

    def score_samples(self, X, y):
        """Return the log-probability of each given target, its end included.

        Parameters
        ----------
        X, y
            See :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_pairs,)
            Log-probabilities, in nats.
        """
        self._check_tokens("score_samples")

        def look(batch):
            logs = log_softmax(self.module_(batch).float())
            of_targets = logs.gather(1, batch.targets[:, None])[:, 0]
            return [part.sum(dtype=np.float64) for part in self._cut_steps(batch, of_targets)]

        return np.array(self._look_at(X, y, look))

    def attention_weights(self, X, y=None):
        """Return the attention weights of the steps of the source at each step of a target.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.
        y : like in `fit`, optional
            The targets; by default the predicted ones.

        Returns
        -------
        object array of ndarray of shape (n_steps_i + 1, n_source_steps_i)
            A row for each step of the target and for its end; each sums to 1.

        Raises
        ------
        ValueError
            If the model has no attention.
        """
        check_is_fitted(self, "module_")
        if self.module_.attention is None:
            raise ValueError("The model has no attention: it was fitted with attention=None, or on vectors.")

        def look(batch):
            weights = self.module_.look_back(batch)[1].float().cpu().numpy()
            sizes = zip(weights, batch.packing.lengths, self._count_source_steps(batch), strict=True)
            return [w[:n_steps, :n] for w, n_steps, n in sizes]

        return object_array(self._look_at(X, self.predict(X) if y is None else y, look))

    def __sklearn_tags__(self):
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        # A table holds vectors, each with a sequence as its target: scikit-learn's checks have no such y.
        tags.input_tags.two_d_array = False
        tags.target_tags.one_d_labels = False
        return tags


def _fill_up(parts, filling, lengths):
    """Return sequences (n_steps_i, K) laid end to end, each filled up to a length."""
    filled = [
        np.concatenate([part, np.tile(filling, (length - len(part), 1))])
        for part, length in zip(parts, lengths, strict=True)
    ]
    return np.concatenate(filled)
