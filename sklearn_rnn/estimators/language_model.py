"""Language model: the probability of the next token, and texts sampled from it."""

import math
import os
import warnings
from functools import partial

import numpy as np
import torch
from sklearn.utils.extmath import softmax
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._names import renamed
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.batches.packing import PackedBatch, Packing
from sklearn_rnn.batches.streams import FileDataset, HeldOutDataset, PartsDataset, StreamDataset
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.data.parameters import check_count
from sklearn_rnn.data.problems import find_caller, has_no_axis, reading
from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.data.text_file import TextFile, gather_parts
from sklearn_rnn.encoding.condition import ConditionEncoder, check_prior, read_condition
from sklearn_rnn.encoding.texts import TextEncoder, is_one_text, refuse_iterator
from sklearn_rnn.encoding.vocabulary import from_outputs, to_outputs
from sklearn_rnn.estimators.base import BaseRNN, TrainingData
from sklearn_rnn.estimators.parameters import CHUNK_STEPS, CONDITION_AS, TEXT_SCORING
from sklearn_rnn.estimators.sampling import Streams, check_sampling, choose, make_key
from sklearn_rnn.estimators.scoring import Given
from sklearn_rnn.nn.heads import SoftmaxHead
from sklearn_rnn.nn.heads.tied import TiedLinear
from sklearn_rnn.nn.inference import log_probabilities, next_probabilities, stream_log_probabilities
from sklearn_rnn.nn.kernels.choose import threads_for
from sklearn_rnn.nn.kernels.rows import Linear, linear
from sklearn_rnn.nn.kernels.threads import fair_threads
from sklearn_rnn.nn.recurrence import StepRunner
from sklearn_rnn.training import TokenProgress

# Functions of the mean loss of a token for `scoring`; smaller is better.
_COSTS = {
    None: float,
    "loss": float,
    "neg_log_loss": float,
    "neg_bits_per_token": lambda nats: nats / math.log(2),
    "neg_perplexity": math.exp,
}
_CHUNKS_A_PART = 16  # of each lane: the least length of a part of a text that is read from an iterator


# Parameters of the estimator that are those of its network.
_OF_NETWORK = ("cell", "hidden_size", "num_layers", "nonlinearity", "dropout")


class RNNLanguageModel(BaseRNN):
    """Language model: a recurrent network that predicts the next token.

    One long text is a stream: it is cut into lanes that are read side by side, in chunks of `bptt_steps`; the
    state is carried from chunk to chunk, gradients are not. The texts of a list are independent, and the
    model also learns where they end.

    Parameters
    ----------
    cell : {"elman", "jordan", "lstm", "gru"} or Cell subclass, default="lstm"
        Type of the recurrent cell. A class derived from `sklearn_rnn.nn.Cell` is used unchanged.
    hidden_size : int, default=128
        Width H of the recurrent state.
    num_layers : int, default=1
        Number of recurrent layers, stacked.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Activation function of the hidden layer, for cells that take one: Elman's and Jordan's.
    dropout : float in [0, 1), default=0.0
        Probability with which a number passed from one layer to the next (embedding, recurrent layers, output
        layer) is set to zero in training.
    embedding_size : int, optional
        Width of the learnt vectors that represent tokens. By default tokens are one-hot (computed by index,
        never as a wide array), which is sufficient for characters.
    condition_as : {"input", "state"}, default="input"
        How the network reads the `condition` of a text, if `fit` takes one: "input" appends it to the token
        at each step (one-hot tokens are then wide arrays, so that a large vocabulary needs an
        `embedding_size`); "state" maps it to the initial state of each layer, by a learnt linear map.
    tie_weights : bool, default=False
        Whether to use the embedding as the weight of the output layer as well (Press & Wolf, 2017), which
        saves many weights if there are many tokens. `embedding_size` must then be None or `hidden_size`, and
        the cell must not be a Jordan cell.
    vocabulary : str or collection of tokens, optional
        The known tokens: the characters of a str, or a list of words or of codes. By default those of the
        text that training begins with. Needed for `partial_fit` on parts of a text, if the first does not
        have all tokens.
    handle_unknown : {"unknown", "error"}, default="unknown"
        What to do with a token that is not in the vocabulary: read it as the unknown token, which has a
        probability like any token and is never drawn, or raise an error. The unknown token is learnt from the
        training tokens that `min_frequency` or `vocabulary` leave out; without any, its probability is small.
    min_frequency : int or float, default=1
        How often a token must occur in training to be in the vocabulary: a number of steps, or a share of all
        steps if it is a float between 0 and 1. A value other than 1 requires ``handle_unknown="unknown"``.
    max_iter : int, default=20
        Number of epochs.
    batch_size : int or "all", default=32
        Number of lanes of a stream, or of texts in a batch.
    learning_rate : float, default=0.003
        Step size of the optimizer.
    optimizer : {"adam", "adamw", "nadam", "radam", "adagrad", "rmsprop", "sgd"} or callable, default="adam"
        A name, or a class of `torch.optim` (options bound to it with `functools.partial`). "sgd" has a
        Nesterov momentum of 0.9, as in `sklearn.neural_network.MLPClassifier`.
    weight_decay : float, default=0.0
        Strength of the optimizer's weight decay.
    label_smoothing : float in [0, 1), default=0.0
        Share of the target that is spread equally over all tokens in training (Szegedy et al., 2016).
        `loss_curve_` holds the smoothed loss; scores, also those of a validation set, are computed from
        log-probabilities.
    max_grad_norm : float or None, default=1.0
        Gradients with a larger Euclidean norm are scaled down to it. None for no limit.
    bptt_steps : int, default=64
        Truncated back-propagation through time in a stream: the number of steps of a chunk. Each text of a
        list is read as a whole.
    early_stopping : bool, default=False
        Whether to set the end of the stream, or some of the texts, aside and to stop when `scoring` on them
        has not improved by `tol` for `n_iter_no_change` epochs. The weights of the best epoch (`best_epoch_`)
        are then restored. A single epoch is trained on all data.
    scoring : str, callable or None, default="loss"
        The score that `early_stopping` monitors and `validation_scores_` holds: "loss" (or "neg_log_loss", or
        None), the mean log-probability of a token in nats, as in `score`; "neg_bits_per_token",
        "neg_perplexity"; or a callable ``scorer(estimator, X, y)``, for which larger values are better, with
        held-out text as `X` and None as `y`.
    validation_fraction : float in (0, 1), default=0.1
        Share of the text set aside by `early_stopping`.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which `early_stopping` stops. On small data sets it also
        waits for 300 updates of the weights without improvement.
    tol : float, default=1e-4
        An improvement of the validation score by less than this does not count.
    warm_start : bool, default=False
        Whether a further call of `fit` continues to train the network for another `max_iter` epochs.
    device : str or torch.device, default="auto"
        Device to compute on. "auto" is a GPU if there is one and this is not a worker process, else the CPU.
    dtype : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        Type of the weights and of all computation; see `RNNTagger`.
    checkpoint : str or os.PathLike, optional
        A file that `fit` writes during training, at most every 10 seconds, and removes at the end. If it
        exists when `fit` begins, training was killed or interrupted: it resumes from the file and ends as it
        would have without the interruption, bit by bit. `max_iter` may be larger than before, everything else
        must be the same. A file belongs to one fit at a time. `partial_fit` ignores it. Use a str if the
        estimator should be saved by skops.
    callbacks : list of skorch.callbacks.Callback, optional
        For example `skorch.callbacks.LRScheduler`. Callbacks are copied, but not the objects that they hold;
        the copies are in ``net_.callbacks_``.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random: weights, dropout, the order of batches, the validation split. The
        global random states are neither read nor changed.
    verbose : int, default=0
        1 shows a progress bar if training takes longer than a moment, with the tokens read so far and the
        mean loss of the epoch in bits per token; 2 prints a line per epoch.

    Attributes
    ----------
    vocabulary_ : ndarray of shape (n_tokens,)
        The distinct known tokens, sorted: those of training, or of `vocabulary`.
    condition_classes_ : ndarray of shape (n_classes,), or None
        Only if fitted with a condition: its distinct labels, sorted; None for vectors.
    condition_prior_ : ndarray of shape (n_classes,), or None
        Only if fitted with a condition: the share of each label in training, over all calls that trained;
        None for vectors.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        Mean training loss of each epoch, in nats per token.
    best_loss_ : float
        The smallest of `loss_curve_`.
    validation_scores_ : list of float or None
        The score of the validation set after each epoch, by `scoring`. None if neither `X_val` nor
        `early_stopping` is used.
    best_epoch_ : int
        The epoch with the best of `validation_scores_`, counted from 1; only with `early_stopping`.
    history_ : list of dict
        Everything recorded in each epoch.
    module_ : torch.nn.Module
        The trained network.
    net_ : skorch.NeuralNet
        The skorch net that trained the network.

    See Also
    --------
    RNNTagger : A label for each step.

    References
    ----------
    Mikolov, T. et al. (2010). Recurrent neural network based language model. Interspeech.
    Graves, A. (2013). Generating sequences with recurrent neural networks. arXiv:1308.0850.
    Mikolov, T. and Zweig, G. (2012). Context dependent recurrent neural network language model. SLT. A
    condition as input of each step.
    Press, O. and Wolf, L. (2017). Using the output embedding to improve language models. EACL.
    Szegedy, C. et al. (2016). Rethinking the Inception architecture for computer vision. CVPR.

    Examples
    --------
    >>> from sklearn_rnn import RNNLanguageModel
    >>> text = "the cat sat on the mat. the dog sat on the log. " * 20
    >>> model = RNNLanguageModel(hidden_size=32, bptt_steps=16, batch_size=4, random_state=0).fit(text)
    >>> model.sample(prompt="the cat", max_new_tokens=8, temperature=0)
    ['the cat sat on ']
    >>> bool(model.perplexity("the dog sat on the mat. ") < 3)
    True

    Texts of several kinds, with the kind as condition:

    >>> texts, kinds = ["tick", "tack", "tock", "moo", "mooo"] * 20, ["clock"] * 3 + ["cow"] * 2
    >>> model = RNNLanguageModel(hidden_size=32, max_iter=50, random_state=0)
    >>> model = model.fit(texts, condition=kinds * 20)
    >>> model.sample(condition=["cow", "clock"], max_new_tokens=1, temperature=0)
    ['m', 't']
    >>> model.predict_condition(["tack", "mooo"])
    array(['clock', 'cow'], dtype='<U5')

    Words, with rare ones read as unknown:

    >>> texts = [["a", "cat", "sat"], ["a", "dog", "sat"], ["a", "bat", "sat"]] * 3 + [["a", "gnu", "sat"]]
    >>> words = RNNLanguageModel(
    ...     hidden_size=16, tie_weights=True, handle_unknown="unknown", min_frequency=2, random_state=0
    ... ).fit(texts)
    >>> words.vocabulary_.tolist()
    ['a', 'bat', 'cat', 'dog', 'sat']
    >>> words.surprisal([["a", "yak", "sat"]])[0].shape
    (3,)
    """

    _progress = TokenProgress
    _extra_rules = {"bptt_steps": CHUNK_STEPS, "condition_as": CONDITION_AS, "scoring": TEXT_SCORING}
    _free = frozenset(["bptt_steps"])  # chunks of any length can follow
    _trains_on_all = False
    _per_step = True

    @renamed(clip_norm="max_grad_norm")
    def __init__(
        self,
        *,
        cell="lstm",
        hidden_size=128,
        num_layers=1,
        nonlinearity="tanh",
        dropout=0.0,
        embedding_size=None,
        condition_as="input",
        tie_weights=False,
        vocabulary=None,
        handle_unknown="unknown",
        min_frequency=1,
        max_iter=20,
        batch_size=32,
        learning_rate=0.003,
        optimizer="adam",
        weight_decay=0.0,
        label_smoothing=0.0,
        max_grad_norm=1.0,
        bptt_steps=64,
        early_stopping=False,
        scoring="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        device="auto",
        dtype="float32",
        checkpoint=None,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self._store(locals())

    def fit(self, X, y=None, *, condition=None, X_val=None, condition_val=None):
        """Train on text.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            - str: a stream of characters; array, Series or tensor of integers, (n_steps,): a stream of codes;
            - Path: a file in UTF-8, one stream of characters; it is read in parts and need not fit in memory.
              Line ends are those of the file, and a byte order mark is left out, so that the same text is
              ``path.read_bytes().decode("utf-8-sig")``;
            - list of str: independent texts, one character per token;
            - list of lists of str, list of 1-D integer arrays, `Sequences`: independent sequences of tokens.
        y : None
            Ignored.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            Condition of each text of a list: a label (str, int or bool), or a vector of numbers; floats with
            one axis are one number per text. If a model was fitted with a condition, all its methods require
            one.
        X_val : like `X`, optional
            Validation text. It is scored after each epoch (see `validation_scores_`), and `early_stopping`
            uses it instead of a part of `X`.
        condition_val : like `condition`, optional
            Condition of the texts of `X_val`.

        Returns
        -------
        RNNLanguageModel
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, `X` or a condition is not valid, or `checkpoint` belongs to another training; the
            estimator is then unchanged.
        OSError
            If a file cannot be read, or `checkpoint` cannot be written; the estimator is then unchanged.

        Warns
        -----
        UserWarning
            If `X_val` holds unknown tokens, but training had none to learn from; if all texts are one token
            long, like those of ``list("a text")``.
        """
        refuse_iterator(X)
        given = X, X_val, condition, condition_val
        return self._fit(*given, goes_on=self.warm_start, epochs=self.max_iter, checkpoint=self.checkpoint)

    def partial_fit(self, X, y=None, *, condition=None):
        """Train for one more epoch, from where training stopped.

        Parameters
        ----------
        X : str, Path, list of str, token sequences, or iterator of str or of codes
            See :meth:`fit`. The first call determines the vocabulary, unless `vocabulary` does. An iterator,
            such as a generator, yields one stream in chunks of any length. They are read in parts that all
            lanes can read, of at least ``batch_size * bptt_steps * 16`` steps, and only one part is held in
            memory. The state is reset at the start of each part. In a first call the first part determines
            the vocabulary.
        y : None
            Ignored.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`. The first call determines the labels.

        Returns
        -------
        RNNLanguageModel
            The estimator itself.

        Examples
        --------
        >>> from sklearn_rnn import RNNLanguageModel
        >>> chunks = (f"{i} and {i + 1} are {2 * i + 1}. " for i in range(1000))
        >>> model = RNNLanguageModel(bptt_steps=8, batch_size=8, random_state=0).partial_fit(chunks)
        >>> bool(model.perplexity("100 and 101 are 201. ") < 8)
        True
        """
        return self._fit(X, None, condition, goes_on=True, epochs=1)

    def _encode_training(self, X, X_val=None, condition=None, condition_val=None, *, reset, epochs):
        """Learn the form of the texts if `reset`, else check it, and return data sets; see `fit`."""
        if reset:
            self.input_encoder_ = TextEncoder()
        encoder = self.input_encoder_
        read = self._read_chunks if hasattr(X, "__next__") else self._read_source
        ids, is_stream = read(X, reset=reset)
        if is_stream != encoder.is_stream:
            raise ValueError("X must be one stream, or a list of texts, as in the first fit.")
        if not is_stream and len(ids) > 1 and ids.lengths.max() == 1:
            warnings.warn(
                f"Each of the {len(ids)} texts in X is one token long, and a model of them learns "
                "which tokens are frequent, not which follow each other. If X is one text, pass it as "
                "one: ''.join(X) of characters, [X] of words, np.asarray(X) of codes.",
                stacklevel=find_caller(),
            )
        if isinstance(ids, (Sequences, FileDataset)):
            self.input_encoder_ = encoder.learn_more(ids.values if isinstance(ids, Sequences) else ids.ids)
        condition = self._learn_condition(condition, len(ids), reset=reset)
        dataset = self._make_dataset(ids, condition)
        held_out = None
        if X_val is not None:
            ids = self._read_source(X_val, reset=False, name="X_val")[0]
            self._warn_of_unknown(ids)
            condition_val = self._encode_condition(condition_val, len(ids), "condition_val")
            held_out = self._hold_out(self._make_dataset(ids, condition_val))
        elif condition_val is not None:
            raise ValueError("condition_val belongs to X_val, which is not passed.")
        dataset = self._as_stream(dataset) if is_stream else dataset
        return TrainingData(dataset, held_out, given=Given(X if X_val is None else X_val))

    def _read_source(self, X, *, reset, name="X"):
        """Like `_read_text`, but return a data set that reads in parts if X need not fit in memory."""
        if isinstance(X, os.PathLike) and (name == "X" or self.input_encoder_.is_stream):
            return self._read_file(X, reset=reset, name=name), True
        return self._read_text(X, reset=reset, name=name)

    def _read_file(self, path, *, reset, name="X"):
        text = TextFile(path, name)
        ids = self._read_text(
            text.characters, reset=reset, name=name, steps=text.first_steps, counts=text.counts
        )[0]
        return FileDataset(text, ids.values, self.bptt_steps)

    def _read_chunks(self, chunks, *, reset):
        """Return a data set of a text in chunks; its first part is read now, the others when needed."""
        if self.batch_size == "all":
            raise ValueError("batch_size='all' needs the whole text, but X is an iterator; pass a number.")
        parts = gather_parts(chunks, self.batch_size * self.bptt_steps * _CHUNKS_A_PART)
        first = next(parts, "")
        return PartsDataset(self._read_parts(self._read_text(first, reset=reset)[0], parts)), True

    def _read_parts(self, ids, parts):
        n_steps = 0
        while True:
            yield self._as_stream(self._make_dataset(ids))
            n_steps += len(ids.values)
            part = next(parts, None)
            if part is None:
                return
            steps = range(n_steps, n_steps + len(part))
            ids = self._read_text(part, reset=False, steps=steps)[0]
            self.input_encoder_ = self.input_encoder_.learn_more(ids.values)

    def _read_text(self, X, *, reset=False, name="X", steps=None, counts=None):
        """Return the ids of tokens, and whether X is one stream; see `TextEncoder`."""
        encoder = self.input_encoder_
        tokens, is_stream = encoder.read(X, self, reset=reset, name=name, counts=counts)
        return encoder.encode(tokens, self, name, is_stream=is_stream, steps=steps), is_stream

    def _learn_condition(self, condition, n_texts, *, reset):
        """Learn the labels of conditions if `reset`, else check them; return one vector per text."""
        if condition is not None and self.input_encoder_.is_stream:
            raise ValueError(
                "condition holds an entry for each text of a list, but X is one stream. Pass a list of texts."
            )
        if reset:
            self.condition_encoder_ = (
                None if condition is None else ConditionEncoder(read_condition(condition))
            )
        encoded = self._encode_condition(condition, n_texts)
        if encoded is not None:
            self.condition_encoder_ = self.condition_encoder_.count(encoded)
        return encoded

    def _encode_condition(self, condition, n_texts=None, name="condition"):
        """Return one vector per text, (n_texts, p); None for a model without a condition."""
        if self.condition_encoder_ is not None:
            return self.condition_encoder_.encode(condition, n_texts, self, name)
        if condition is not None:
            raise ValueError(f"{name} is passed, but training had none; leave it out.")
        return None

    def _warn_of_unknown(self, ids):
        """Warn if ids, or a file, hold unknown tokens that training had none to learn from."""
        counts = ids.text.counts if isinstance(ids, FileDataset) else None
        self.input_encoder_.warn_of_unknown(ids.values if counts is None else ids.ids, counts)

    def _make_dataset(self, ids, condition=None):
        """Return inputs and next tokens as a data set."""
        if not isinstance(ids, Sequences):
            return ids  # a data set, see `_read_source`
        inputs, targets = self.input_encoder_.pair(ids)
        return SequenceDataset(inputs, targets, per_step=True, condition=condition)

    def _hold_out(self, dataset):
        if isinstance(dataset, FileDataset):
            return dataset.as_held_out()
        return HeldOutDataset(dataset.sequences, dataset.targets, per_step=True, condition=dataset.condition)

    def _as_stream(self, dataset):
        if isinstance(dataset, PartsDataset):
            return dataset
        if dataset.n_steps < self.bptt_steps:
            raise ValueError(
                f"X has {dataset.n_steps} steps, fewer than a chunk of bptt_steps={self.bptt_steps}; pass "
                "more text, or a smaller bptt_steps."
            )
        if isinstance(dataset, FileDataset):
            return dataset
        return StreamDataset(dataset.sequences.values, dataset.targets, self.bptt_steps)

    def _describe_network(self):
        vocabulary, condition = self.input_encoder_.vocabulary, self.condition_encoder_
        ties, embedding_size = bool(self.tie_weights), self.embedding_size
        if ties and embedding_size is None:
            embedding_size = self.hidden_size
        return {name: getattr(self, name) for name in _OF_NETWORK} | {
            "embedding_size": embedding_size,
            "pooling": None,
            "input_size": vocabulary.n_inputs,
            "is_tokens": True,
            "head": "softmax",
            "head_options": {"label_smoothing": self.label_smoothing},
            "n_outputs": vocabulary.n_outputs,
            "tie_weights": ties,
            "condition_size": None if condition is None else condition.size,
            "condition_as": None if condition is None else self.condition_as,
        }

    @property
    def vocabulary_(self):
        """The known tokens, sorted."""
        return self._learnt("input_encoder_", "vocabulary").tokens

    @property
    def condition_classes_(self):
        """The labels that are conditions, sorted; None if conditions are vectors."""
        return self._get_condition_encoder().classes

    @property
    def condition_prior_(self):
        """The share of each label in training; None if conditions are vectors."""
        return self._get_condition_encoder().prior

    def _get_condition_encoder(self):
        encoder = vars(self).get("condition_encoder_")
        if encoder is None:
            raise AttributeError(f"This {type(self).__name__} was not fitted with a condition.")
        return encoder

    def _strata(self, dataset):
        encoder = self.condition_encoder_
        return None if encoder is None or encoder.classes is None else dataset.condition.argmax(axis=1)

    def _split(self, dataset, groups):
        if not self.input_encoder_.is_stream:
            kept, held_out, rows = super()._split(dataset, groups)
            return kept, self._hold_out(held_out), rows
        n = dataset.n_steps
        n_held = max(2, round(self.validation_fraction * n))
        if n_held >= n:
            raise ValueError(f"early_stopping leaves nothing to train on: X has {n} steps.")
        return *dataset.set_end_aside(n_held), slice(-n_held, None)

    def _score_held_out(self, given, loss):
        if callable(self.scoring):
            return super()._score_held_out(given, loss)
        return -_COSTS[self.scoring](loss)

    def _identify(self, data):
        learnt = {
            "the vocabulary": self.vocabulary_,
            "the labels of condition": getattr(self, "condition_classes_", None),
        }
        return super()._identify(data) | learnt

    # Probabilities of a text

    @fair_threads()
    def _log_probabilities(self, X, condition):
        """Return the log-probability of each target of X, laid end to end, the targets, and if X is one."""
        check_is_fitted(self, "module_")
        ids, is_stream = self._read_text(X)
        self._warn_of_unknown(ids)
        dataset = self._make_dataset(ids, self._encode_condition(condition, len(ids)))
        return log_probabilities(self.module_, dataset), dataset.sequences, is_stream

    @fair_threads()
    def _score_file(self, path, condition):
        """Return the mean log-probability of a file's characters; it is read and scored chunk by chunk."""
        check_is_fitted(self, "module_")
        self._encode_condition(condition)  # a stream has none
        dataset = self._hold_out(self._read_file(path, reset=False))
        self._warn_of_unknown(dataset)
        parts = stream_log_probabilities(self.module_, dataset)
        with threads_for(self.module_):
            return math.fsum(log for part in parts for log in part.tolist()) / dataset.n_steps

    def score(self, X, y=None, *, condition=None):
        """Return the mean log-probability of a token, in nats.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`. The ends of the texts of a list count as tokens. An unknown token counts with the
            probability of the unknown symbol, which represents all unknown tokens: scores of models with
            different vocabularies are not comparable.
        y : None
            Ignored.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`; for the texts of `X`, if the model was fitted with one.

        Returns
        -------
        float
            At most 0; larger is better.
        """
        check_is_fitted(self, "module_")
        if isinstance(X, os.PathLike) and self.input_encoder_.is_stream:
            return self._score_file(X, condition)
        logs = self._log_probabilities(X, condition)[0]
        return math.fsum(logs.tolist()) / len(logs)  # the same in any order, and chunk by chunk

    def perplexity(self, X, *, condition=None):
        """Return the perplexity: the number of equally likely tokens to guess among.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`; for the texts of `X`, if the model was fitted with one.

        Returns
        -------
        float
            ``exp(-score(X))``, at least 1; smaller is better.
        """
        return float(np.exp(-self.score(X, condition=condition)))

    def bits_per_token(self, X, *, condition=None):
        """Return the mean number of bits needed to encode the next token.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`; for the texts of `X`, if the model was fitted with one.

        Returns
        -------
        float
            ``-score(X) / log(2)``; smaller is better.
        """
        return -self.score(X, condition=condition) / np.log(2)

    def score_samples(self, X, *, condition=None):
        """Return the log-probability of each text, in nats.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`; for the texts of `X`, if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Sums over the tokens; for a list, the end of each text included.
        """
        logs, sequences, _ = self._log_probabilities(X, condition)
        return np.add.reduceat(logs.astype(np.float64), sequences.offsets[:-1])

    def surprisal(self, X, *, condition=None):
        """Return the surprisal of each token: its negative log-probability, given all before it, in nats.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`; for the texts of `X`, if the model was fitted with one.

        Returns
        -------
        object array of ndarray of shape (n_steps_i,)
            One number per token; a single array for one stream.
        """
        logs, sequences, is_stream = self._log_probabilities(X, condition)
        parts = np.split(-logs, sequences.offsets[1:-1])
        parts = parts if self.input_encoder_.is_stream else [part[:-1] for part in parts]
        return parts[0] if is_stream else object_array(parts)

    @fair_threads()
    def predict_proba(self, X, *, condition=None):
        """Predict the probabilities of the next token after each step.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`; for the texts of `X`, if the model was fitted with one.

        Returns
        -------
        object array of ndarray of shape (n_steps_i, n_outputs)
            Columns in the order of `vocabulary_`; then, with ``handle_unknown="unknown"``, that of the
            unknown symbol; for a model of texts, the last one is the probability that the text ends. A single
            array for one stream.
        """
        check_is_fitted(self, "module_")
        sequences, is_stream = self._read_inputs(X)
        coded = self._encode_condition(condition, len(sequences))
        flat = next_probabilities(self.module_, SequenceDataset(sequences, per_step=True, condition=coded))
        return self._restore(flat, sequences, is_stream)

    @fair_threads()
    def hidden_states(self, X, *, per_step=None, condition=None):
        """Return the hidden states of each step, or of each text: what the output layer reads.

        Parameters
        ----------
        X : str, list of str, or token sequences
            See :meth:`fit`.
        per_step : bool, optional
            Whether to return one vector per step, which is the default, or one per text: that of its last
            step.
        condition : array-like of shape (n_texts,) or (n_texts, n_features), optional
            See :meth:`fit`; for the texts of `X`, if the model was fitted with one.

        Returns
        -------
        object array of ndarray of shape (n_steps_i, D), or ndarray of float32 of shape (n_sequences, D)
            See `RNNClassifier.hidden_states`. A single array for one stream.

        Raises
        ------
        TypeError
            If `per_step` is neither True, False nor None.
        """
        return self._hidden_states(X, per_step, partial(self._encode_condition, condition))

    def _read_inputs(self, X):
        ids, is_stream = self._read_text(X)
        return self.input_encoder_.begin(ids), is_stream

    def _restore(self, flat, sequences, is_stream):
        """Split predictions of all steps into one array per sequence, without that of the start symbol."""
        parts = [part[1:] for part in np.split(flat, sequences.offsets[1:-1])]
        return parts[0] if is_stream else object_array(parts)

    # Prediction of conditions

    def predict_condition(self, X, *, prior=None):
        """Predict the most likely label of each text, by Bayes' rule.

        The model is then a generative classifier: p(c | x) is proportional to p(x | c) p(c), where p(x | c)
        is the exponential of `score_samples` with the condition c.

        Parameters
        ----------
        X : str, list of str, or token sequences
            See :meth:`fit`.
        prior : array-like of shape (n_classes,), optional
            The share p(c) of each label, in the order of `condition_classes_`; by default `condition_prior_`.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Labels.

        Raises
        ------
        ValueError
            If the model was not fitted with labels as condition, or if `prior` is not valid.

        References
        ----------
        Yogatama, D., Dyer, C., Ling, W. and Blunsom, P. (2017). Generative and discriminative text
        classification with recurrent neural networks. arXiv:1703.01898.

        Examples
        --------
        >>> from sklearn_rnn import RNNLanguageModel
        >>> model = RNNLanguageModel(hidden_size=16, random_state=0)
        >>> model = model.fit(["aab", "bba"] * 50, condition=[1, 2] * 50)
        >>> model.predict_condition(["aab", "bba"])
        array([1, 2])
        """
        logs = self._log_joint(X, prior)
        return self.condition_classes_[logs.argmax(axis=1)]

    def predict_condition_proba(self, X, *, prior=None):
        """Predict the probability of each label, given the text. See `predict_condition`.

        Parameters
        ----------
        X : str, list of str, or token sequences
            See :meth:`fit`.
        prior : array-like of shape (n_classes,), optional
            See `predict_condition`.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes)
            Columns in the order of `condition_classes_`.

        Raises
        ------
        ValueError
            See `predict_condition`.
        """
        return softmax(self._log_joint(X, prior), copy=False)

    @fair_threads()
    def _log_joint(self, X, prior):
        """Return the logarithm of p(x | c) p(c) for each text and label, (n_sequences, n_classes)."""
        check_is_fitted(self, "module_")
        encoder = self.condition_encoder_
        if encoder is None or encoder.classes is None:
            given = "without a condition" if encoder is None else "with vectors as condition"
            raise ValueError(
                f"There are no labels to predict: the model was fitted {given}. Fit it with labels: "
                "fit(X, condition=labels)."
            )
        log_prior = check_prior(encoder.prior if prior is None else prior, encoder.size)
        sequences = self._read_text(X)[0]
        self._warn_of_unknown(sequences)
        columns = []
        for one_hot in np.eye(encoder.size, dtype=np.float32):
            dataset = self._make_dataset(sequences, np.tile(one_hot, (len(sequences), 1)))
            logs = log_probabilities(self.module_, dataset).astype(np.float64)
            columns.append(np.add.reduceat(logs, dataset.sequences.offsets[:-1]))
        return np.stack(columns, axis=1) + log_prior

    # Sampling

    @renamed(prime="prompt", max_length="max_new_tokens")
    @fair_threads()
    def sample(
        self,
        n_samples=1,
        *,
        max_new_tokens=200,
        prompt=None,
        condition=None,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        random_state=None,
        return_log_proba=False,
    ):
        """Draw texts from the model, all at once.

        The unknown symbol is never drawn.

        Parameters
        ----------
        n_samples : int, default=1
            Number of texts; with several prompts or conditions, for each of them.
        max_new_tokens : int, default=200
            Largest number of tokens to draw.
        prompt : str, sequence of tokens, or list of these, optional
            Beginning of the text. A list holds several, of any lengths.
        condition : label, vector, or array-like of these, optional
            Condition, if the model was fitted with one. A single one applies to all texts; several apply to
            one prompt each, or, with one prompt or none, `n_samples` texts are drawn for each.
        temperature : float, default=1.0
            Divisor of the scores: below 1 likely tokens become more likely; 0 takes the most likely.
        top_k : int, optional
            Draw from the k most likely tokens only.
        top_p : float in (0, 1], optional
            Draw from the most likely tokens only that together have this probability (Holtzman et al., 2020).
        stop : token, optional
            A token at which a text ends, and which is its last token. A model of texts also learns where they
            end.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. The draws for a prompt do not depend on the others, except equal ones, which
            have different draws.
        return_log_proba : bool, default=False
            Whether to return the log-probabilities as well.

        Returns
        -------
        samples : list
            Texts as str if the model was fitted on texts, else lists of tokens; they include the prompt, and
            those of the first prompt or condition come first.
        log_proba : ndarray of shape (n_texts,)
            Only with `return_log_proba`: the log-probability of the drawn tokens, the end included, given the
            prompt; computed at temperature 1 and with all tokens.

        Raises
        ------
        ValueError, TypeError
            If an option is not valid, or a prompt has an unknown token and `handle_unknown` is "error".

        References
        ----------
        Holtzman, A. et al. (2020). The curious case of neural text degeneration. ICLR.

        Examples
        --------
        >>> from sklearn_rnn import RNNLanguageModel
        >>> names = RNNLanguageModel(hidden_size=32, max_iter=100, random_state=0)
        >>> names = names.fit(["anna", "hanna", "johanna", "marianna"] * 4)
        >>> names.sample(2, prompt="jo", temperature=0)
        ['johanna', 'johanna']
        """
        check_count("n_samples", n_samples)
        check_count("max_new_tokens", max_new_tokens)
        prompts, condition = self._pair(self._read_prompts(prompt), condition)
        prompts = [prompt for prompt in prompts for _ in range(n_samples)]
        condition = None if condition is None else condition.repeat(n_samples, axis=0)
        starts = [codes for codes, _ in prompts]
        steps = self._draw(starts, condition, max_new_tokens, temperature, top_k, top_p, stop, random_state)
        with threads_for(self.module_):
            drawn, logs, goes_on = (np.stack(parts, axis=1) for parts in zip(*steps, strict=True))
        n_drawn = 1 + goes_on[:, :-1].sum(axis=1)  # including what ends a text
        log_proba = np.where(np.arange(drawn.shape[1]) < n_drawn[:, np.newaxis], logs, 0).sum(
            axis=1, dtype=np.float64
        )
        samples, vocabulary = [], self.input_encoder_.vocabulary
        end = None if vocabulary.end_id is None else to_outputs(vocabulary.end_id)
        for (_, begin), codes, n in zip(prompts, drawn, n_drawn, strict=True):
            n -= codes[n - 1] == end
            samples.append(begin + vocabulary.spell(vocabulary.decode(from_outputs(codes[:n]))))
        return (samples, log_proba) if return_log_proba else samples

    @renamed(prime="prompt", max_length="max_new_tokens")
    def stream(
        self,
        prompt=None,
        *,
        condition=None,
        max_new_tokens=None,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        random_state=None,
    ):
        """Draw a text token by token.

        Parameters
        ----------
        prompt : str or sequence of tokens, optional
            Beginning of the text, which is not part of the output.
        condition : label or vector, optional
            Condition, if the model was fitted with one.
        max_new_tokens : int, optional
            Largest number of tokens to draw; by default there is no limit.
        temperature, top_k, top_p, stop, random_state
            See :meth:`sample`.

        Returns
        -------
        iterator of str or int
            The tokens, one after another, as they are drawn.

        Raises
        ------
        ValueError, TypeError
            As in :meth:`sample`, before the first token is drawn.

        Examples
        --------
        >>> from itertools import islice
        >>> from sklearn_rnn import RNNLanguageModel
        >>> model = RNNLanguageModel(bptt_steps=8, batch_size=2, random_state=0).fit("la li lu " * 50)
        >>> "".join(islice(model.stream("la", temperature=0), 7))
        ' li lu '
        """
        prompts = self._read_prompts(prompt)
        if len(prompts) > 1:
            raise ValueError(f"stream draws one text, but {len(prompts)} prompts are passed; see sample.")
        prompts, condition = self._pair(prompts, condition)
        if len(prompts) > 1:
            raise ValueError(f"stream draws one text, but {len(prompts)} conditions are passed; see sample.")
        starts = [codes for codes, _ in prompts]
        steps = self._draw(starts, condition, max_new_tokens, temperature, top_k, top_p, stop, random_state)
        tokens = self.vocabulary_.tolist()
        return (tokens[codes[0]] for codes, _, _ in steps if codes[0] < len(tokens))

    def _read_prompts(self, prompt):
        """Return the codes of each prompt, and each prompt in the form of a sample."""
        check_is_fitted(self, "module_")
        encoder = self.input_encoder_
        spell = encoder.vocabulary.spell
        nothing = np.zeros(0, dtype=np.int64), spell(encoder.vocabulary.tokens[:0])
        if prompt is None:
            return [nothing]
        is_list = (
            hasattr(prompt, "__len__") and hasattr(prompt, "__getitem__") and not isinstance(prompt, dict)
        )
        if not is_list or has_no_axis(prompt):
            raise TypeError(
                f"prompt must be a text, a sequence of tokens, or a list of these, but it is {prompt!r}."
            )
        with reading("prompt"):
            prompts = [prompt] if self._is_one(prompt) else list(prompt)
        is_filled = [not hasattr(p, "__len__") or len(p) > 0 for p in prompts]  # an empty prompt is valid
        filled = [p for p, is_any in zip(prompts, is_filled, strict=True) if is_any]
        given = prompt if is_one_text(prompt) else filled  # messages about one text have no index
        found = iter(())
        if filled:
            tokens, is_stream = encoder.read(given, self, reset=False, name="prompt")
            ids = encoder.encode(tokens, self, "prompt", is_stream=is_stream)
            found = zip(ids, map(spell, tokens), strict=True)  # unknown tokens as they were passed
        return [next(found) if is_any else nothing for is_any in is_filled]

    def _pair(self, prompts, condition):
        """Return as many prompts as conditions, (k, p); a single one of either is repeated."""
        condition = self._encode_condition(condition)
        if condition is None:
            return prompts, None
        n_prompts, k = len(prompts), len(condition)
        if n_prompts > 1 and k > 1 and n_prompts != k:
            raise ValueError(
                f"condition has {k} entries, but there are {n_prompts} prompts; pass one for all, or one "
                "for each."
            )
        n = max(n_prompts, k)
        return (
            prompts * n if n_prompts == 1 else prompts,
            condition.repeat(n, axis=0) if k == 1 else condition,
        )

    def _is_one(self, prompt):
        """Return whether a prompt is one sequence of tokens, and not a list of several."""
        if isinstance(prompt, (str, bytes)) or len(prompt) == 0:
            return True
        first = next(iter(prompt))
        # A list of str: words, or texts that are read character by character.
        return np.ndim(first) == 0 and not (isinstance(first, str) and self.input_encoder_.vocabulary.joins)

    def _draw(self, starts, condition, max_new_tokens, temperature, top_k, top_p, stop, random_state):
        """Yield tokens drawn for all texts at once, step by step.

        Yields
        ------
        codes : ndarray of int of shape (n_texts,)
            The tokens; those of a text that has ended have no meaning.
        logs : ndarray of shape (n_texts,)
            Log-probabilities of the tokens.
        alive : ndarray of bool of shape (n_texts,)
            Which texts continue.
        """
        check_sampling(temperature, top_k, top_p)
        if max_new_tokens is not None:
            check_count("max_new_tokens", max_new_tokens)
        stop_code, vocabulary = None, self.input_encoder_.vocabulary
        if stop is not None:
            is_text = isinstance(stop, str) and vocabulary.joins
            sequences = self._read_text([stop] if is_text else [[stop]], name="stop")[0]
            if len(sequences.values) != 1:
                raise ValueError(f"stop must be one token, but {stop!r} are {len(sequences.values)}.")
            stop_code = to_outputs(sequences.values[0])
            if sequences.values[0] == vocabulary.unknown_id:
                raise ValueError(f"stop is {stop!r}, which is not in the vocabulary, and so is never drawn.")
        keys = [to_outputs(np.asarray(start, dtype=np.int64)).tobytes() for start in starts]
        if condition is not None:
            keys = [key + make_key(row) for key, row in zip(keys, condition, strict=True)]
        streams = Streams(random_state, keys)
        return self._go(starts, condition, max_new_tokens, temperature, top_k, top_p, stop_code, streams)

    def _go(self, starts, condition, max_new_tokens, temperature, top_k, top_p, stop_code, streams):
        network, vocabulary = self.module_, self.input_encoder_.vocabulary
        like = network.like
        if condition is not None:
            condition = torch.from_numpy(condition).to(like.device, like.dtype)
        logs, state = self._read_starts(starts, condition)
        step, read_out = StepRunner(network.recurrence), _make_read_out(network.head)
        rows, alive = np.arange(len(starts)), np.ones(len(starts), dtype=bool)
        end = None if vocabulary.end_id is None else to_outputs(vocabulary.end_id)
        can_end = not self.input_encoder_.is_stream or stop_code is not None
        n_drawn = 0
        while True:
            if vocabulary.unknown_id is not None:  # which is never drawn
                logs[:, to_outputs(vocabulary.unknown_id)] = -np.inf
            codes = choose(logs, temperature, top_k, top_p, streams.draw(rows))
            if can_end:
                alive = alive & (codes != end)
                if stop_code is not None:
                    alive &= codes != stop_code
            yield codes, logs[rows, codes], alive
            n_drawn += 1
            if n_drawn == max_new_tokens or (can_end and not alive.any()):
                return
            # The end is not an input; what comes after it is ignored.
            inputs = torch.from_numpy(from_outputs(codes) % vocabulary.n_inputs).to(like.device)
            if network.input.embedding is not None or network.joins_condition:
                inputs = network.read(inputs, condition).detach()
            outputs, state = step(inputs, state)
            logs = _log_softmax(read_out(outputs))

    def _read_starts(self, starts, condition):
        """Read the prompts; return the log-probabilities of the next tokens and the state, in their order."""
        network = self.module_
        begin = self.input_encoder_.vocabulary.begin_id
        lengths = np.array([len(start) + 1 for start in starts])
        order = np.argsort(-lengths, kind="stable")
        packing = Packing(lengths[order], network.like.device)
        flat = np.concatenate([np.r_[begin, np.asarray(starts[i], dtype=np.int64)] for i in order])
        begins = np.cumsum(lengths[order]) - lengths[order]
        inputs = torch.from_numpy(flat[begins[packing.row_of] + packing.step_of]).to(network.like.device)
        back = torch.from_numpy(np.argsort(order)).to(network.like.device)
        if condition is not None:
            condition = condition.index_select(0, torch.from_numpy(order).to(network.like.device))
        with torch.inference_mode():
            batch = PackedBatch(inputs, packing, condition=condition)
            outputs, state = network.run_layers(batch, need_state=True)
            scores = network.head(outputs.index_select(0, packing.last)).index_select(0, back)
            state = [tuple(s.index_select(0, back) for s in part) for part in state]
        return _log_softmax(scores), state

    def __sklearn_tags__(self):
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


def _make_read_out(head):
    """Return a function for the scores in sampling: a single call, if modules do no more than that."""
    output = head.output
    is_plain = type(head) is SoftmaxHead and type(output) in (Linear, TiedLinear)
    if not is_plain or output.bias is None:
        return torch.inference_mode()(head)
    weight, bias = output.weight.detach(), output.bias.detach()  # made once, if they are tied
    return torch.inference_mode()(lambda outputs: linear(outputs, weight, bias))


def _log_softmax(scores):
    return torch.log_softmax(scores.float(), dim=1).cpu().numpy()
