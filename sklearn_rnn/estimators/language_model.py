"""Language model: the probability of what comes next, and text drawn from it."""

import numbers
import os

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_rnn.data.batching import (
    FileDataset,
    HeldOutDataset,
    Packing,
    PartsDataset,
    SequenceDataset,
    StreamDataset,
)
from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.data.text_file import TextFile, gather_parts
from sklearn_rnn.data.validation import Problems, as_sequences, check_unit, object_array
from sklearn_rnn.estimators.base import BaseRNN
from sklearn_rnn.estimators.parameters import CHUNK_STEPS
from sklearn_rnn.nn.heads import SoftmaxHead
from sklearn_rnn.nn.inference import log_probabilities, next_probabilities, stream_log_probabilities
from sklearn_rnn.nn.native.library import fair_threads
from sklearn_rnn.nn.recurrent import Stepper
from sklearn_rnn.preprocessing.base import check_count
from sklearn_rnn.training import TokenProgress, resolve_device

_START = 0  # the code that every sequence begins with; tokens follow from 1
_CHUNKS_A_PART = 16  # of each lane, from which a part of a text that comes in chunks is long enough


class RNNLanguageModel(BaseRNN):
    """Language model: a recurrent network that predicts the next token.

    One long text is a stream: it is cut into lanes that are read side by side, in chunks of `bptt_steps`; the
    state goes on from chunk to chunk, gradients do not. The texts of a list are independent, and where they
    end is learnt as well.

    Parameters
    ----------
    cell : {"elman", "jordan", "lstm", "gru"} or Cell subclass, default="lstm"
        The recurrence. A class derived from `sklearn_rnn.nn.Cell` is used as it is.
    hidden_size : int, default=128
        Width H of the recurrent state.
    num_layers : int, default=1
        Number of recurrent layers, stacked.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        The hidden layer's function in the cells that leave it open: Elman's and Jordan's.
    dropout : float in [0, 1), default=0.0
        Probability with which, in training, a number that goes from one layer to the next (embedding,
        recurrent layers, output layer) is set to zero.
    embedding_size : int, optional
        Width of the learnt vectors that stand for tokens. By default tokens are one-hot (computed by
        index, never as a wide array), which is enough for characters.
    max_iter : int, default=20
        Number of epochs.
    batch_size : int or "all", default=32
        Number of lanes of a stream; or of texts in a batch.
    learning_rate : float, default=0.003
        Step size of the optimizer.
    optimizer : {"adam", "adamw", "nadam", "radam", "adagrad", "rmsprop", "sgd"} or callable, default="adam"
        A name, or a class of `torch.optim` (options bound to it with `functools.partial`). "sgd" has a
        Nesterov momentum of 0.9, as in `sklearn.neural_network.MLPClassifier`.
    weight_decay : float, default=0.0
        Strength of the optimizer's weight decay.
    clip_norm : float or None, default=1.0
        Gradients with a larger Euclidean norm are scaled down to it. None for no limit.
    bptt_steps : int, default=64
        Truncated back-propagation through time in a stream: the number of steps of a chunk. The texts of a
        list are each read as a whole.
    early_stopping : bool, default=False
        Whether to set the end of the stream, or some of the texts, aside, to stop when the score on them has
        not improved by `tol` for `n_iter_no_change` epochs, and to give back the weights of the best epoch.
        A single epoch is trained on everything.
    validation_fraction : float in (0, 1), default=0.1
        Share that `early_stopping` sets aside.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which `early_stopping` stops.
    tol : float, default=1e-4
        An improvement of the validation score by less than this is none.
    warm_start : bool, default=False
        Whether a further `fit` goes on with the trained network for another `max_iter` epochs.
    device : str or torch.device, default="auto"
        Where to compute. "auto" is a GPU if there is one and this is not a worker process, else the CPU.
    dtype : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        Type of the weights and of all computation; see `RNNTagger`.
    checkpoint : str or os.PathLike, optional
        A file that `fit` writes while it trains, every 10 seconds or less often, and removes when it is done.
        If it is there when `fit` begins, training was killed or interrupted: it goes on from the file and
        ends as it would have without the interruption, bit by bit. `max_iter` may have grown, all else has to
        be the same. A file belongs to one fit at a time. `partial_fit` takes no notice of it.
    callbacks : list of skorch.callbacks.Callback, optional
        For example `skorch.callbacks.LRScheduler`. They are copied; the copies are in ``net_.callbacks_``.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random: weights, dropout, the order of batches, the validation split. The
        global random states are neither read nor changed.
    verbose : int, default=0
        1 shows a progress bar if training takes longer than a moment, with the tokens read so far and the
        mean loss of the epoch in bits a token; 2 prints a line an epoch.

    Attributes
    ----------
    vocabulary_ : ndarray of shape (n_tokens,)
        The distinct tokens seen in training, sorted.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        Mean training loss of each epoch, in nats a token.
    best_loss_ : float
        The smallest of `loss_curve_`.
    validation_scores_ : list of float or None
        Score on the validation set after each epoch: on `X_val`, or with `early_stopping`.
    history_ : list of dict
        All that was recorded in each epoch.
    module_ : torch.nn.Module
        The trained network.
    net_ : skorch.NeuralNet
        The net that trained it.

    See Also
    --------
    RNNTagger : A label for each step.

    References
    ----------
    Mikolov, T. et al. (2010). Recurrent neural network based language model. Interspeech.
    Graves, A. (2013). Generating sequences with recurrent neural networks. arXiv:1308.0850.

    Examples
    --------
    >>> from sklearn_rnn import RNNLanguageModel
    >>> text = "the cat sat on the mat. the dog sat on the log. " * 20
    >>> model = RNNLanguageModel(hidden_size=32, bptt_steps=16, batch_size=4, random_state=0).fit(text)
    >>> model.sample(prime="the cat", max_length=8, temperature=0)
    ['the cat sat on ']
    >>> bool(model.perplexity("the dog sat on the mat. ") < 3)
    True
    """

    # What the base asks of every estimator, and a language model has no choice in.
    bidirectional = False
    pooling = None
    padding_value = None
    _per_step = True
    _was_table = False
    _progress = TokenProgress
    _extra_rules = {"bptt_steps": CHUNK_STEPS}

    def __init__(
        self,
        *,
        cell="lstm",
        hidden_size=128,
        num_layers=1,
        nonlinearity="tanh",
        dropout=0.0,
        embedding_size=None,
        max_iter=20,
        batch_size=32,
        learning_rate=0.003,
        optimizer="adam",
        weight_decay=0.0,
        clip_norm=1.0,
        bptt_steps=64,
        early_stopping=False,
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

    def fit(self, X, y=None, *, X_val=None):
        """Train on text.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            - str: one stream of characters; array of integers of shape (n_steps,): one stream of codes;
            - Path: a file in UTF-8, one stream of characters; it is read in parts and need not fit in memory.
              Line ends are those of the file, so that the same text is ``path.read_bytes().decode()``;
            - list of str: independent texts, a token a character;
            - list of lists of str, list of 1-D integer arrays, `Sequences`: independent sequences of tokens.
        y : None
            Ignored.
        X_val : like `X`, optional
            Text to validate on: scored after each epoch, in `validation_scores_`, and what `early_stopping`
            goes by instead of a part of `X`.

        Returns
        -------
        RNNLanguageModel
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter or `X` is not legal, or `checkpoint` is of another training; the estimator is then
            as it was.
        OSError
            If a file cannot be read, or `checkpoint` cannot be written; likewise.
        """
        _refuse_iterator(X)
        return self._fit_text(
            X, X_val, goes_on=self.warm_start, epochs=self.max_iter, checkpoint=self.checkpoint
        )

    def partial_fit(self, X, y=None):
        """Train for one more epoch, from where training stopped.

        Parameters
        ----------
        X : str, Path, list of str, token sequences, or iterator of str or of arrays of integers
            See :meth:`fit`. The first call says which tokens there are. An iterator, such as a generator,
            gives one stream in chunks of any lengths, of which only as many are held as make a part that all
            lanes can read: at least ``batch_size * bptt_steps * 16`` steps. The state begins anew with each
            part. In a first call the first part says which tokens there are.
        y : None
            Ignored.

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
        return self._fit_text(X, None, goes_on=True, epochs=1)

    @fair_threads()
    def _fit_text(self, X, X_val, *, goes_on, epochs, checkpoint=None):
        goes_on = goes_on and hasattr(self, "module_")
        with self._unchanged_on_error(goes_on):
            self._check_parameters()
            device = resolve_device(self.device)
            read = self._read_chunks if hasattr(X, "__next__") else self._read_source
            sequences, is_stream = read(X, reset=not goes_on)  # codes from here on
            if goes_on and is_stream != self._is_stream:
                raise ValueError("X must be one stream, or a list of texts, as in the first fit.")
            self._is_stream = is_stream
            dataset = self._make_dataset(sequences)
            held_out = None
            if X_val is not None:
                codes = self._read_source(X_val, reset=False, name="X_val")[0]
                held_out = self._hold_out(self._make_dataset(codes))
            self._prepare(device, None, goes_on)
            dataset = self._as_stream(dataset) if is_stream else dataset
            self._train(dataset, held_out, None, epochs, checkpoint)
        return self

    def _read_source(self, X, *, reset, name="X"):
        """As `_read_text`, but what need not fit in memory comes as a data set that reads it in parts."""
        if isinstance(X, os.PathLike) and (name == "X" or self._is_stream):
            return self._read_file(X, reset=reset, name=name), True
        return self._read_text(X, reset=reset, name=name)

    def _read_file(self, path, *, reset, name="X"):
        text = TextFile(path, name)
        codes = self._read_text(text.characters, reset=reset, name=name, steps=text.first_steps)[0]
        return FileDataset(text, codes.values, self.bptt_steps)

    def _read_chunks(self, chunks, *, reset):
        """Read the first part of a text that comes in chunks; the others when it is their turn."""
        if self.batch_size == "all":
            raise ValueError("batch_size='all' needs the whole text, but X is an iterator; give a number.")
        parts = gather_parts(chunks, self.batch_size * self.bptt_steps * _CHUNKS_A_PART)
        first = next(parts, "")
        return PartsDataset(self._read_parts(self._read_text(first, reset=reset)[0], parts)), True

    def _read_parts(self, codes, parts):
        n_steps = 0
        while True:
            yield self._as_stream(self._make_dataset(codes))
            n_steps += len(codes.values)
            with self.net_.stream.paused():  # what the user's iterator draws is not ours
                part = next(parts, None)
            if part is None:
                return
            steps = range(n_steps, n_steps + len(part))
            codes = self._read_text(part, reset=False, steps=steps)[0]

    def _read_text(self, X, *, reset, name="X", steps=None):
        """Give the tokens' numbers in the vocabulary, learnt if `reset`, and whether X is one stream.

        `steps` says where the tokens stand that are given, if not one after the other from 0 on.
        """
        _refuse_iterator(X, name)
        if isinstance(X, os.PathLike):
            X = TextFile(X, name).read_all()
        is_stream = _is_stream(X)
        if is_stream and len(X) == 0:
            raise ValueError(f"{name} is empty; there is nothing to read.")
        given = [X] if is_stream else X
        is_flat = isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "fb"
        sequences = None if is_flat else as_sequences(given, name=name)
        if is_flat or not sequences.is_tokens:
            raise TypeError(
                f"{name} holds numbers, but a language model reads tokens: text, or codes as one-dimensional "
                "arrays of integers (one array is a stream, a list of arrays holds independent sequences)."
            )
        kind = "integer tokens" if sequences.values.dtype.kind == "i" else "text tokens"
        if reset:
            self._kind, self.n_features_in_ = kind, 1
            self.vocabulary_ = np.unique(sequences.values)
        elif kind != self._kind:
            raise TypeError(
                f"{name} holds {kind}, but {type(self).__name__} was fitted on {self._kind}; "
                "give it the same form."
            )
        elif kind == "text tokens":
            check_unit(given, sequences, self.vocabulary_, self, name)
        codes = self._encode(sequences).values - 1
        self._check_all_known(sequences, codes, is_stream, name, steps)
        return sequences.with_values(codes), is_stream

    def _check_all_known(self, sequences, codes, is_stream, name, steps=None):
        """Report where tokens that are not in the vocabulary come first, if there are any."""
        unknown, problems = np.flatnonzero(codes < 0), Problems(name)
        tokens, first = np.unique(sequences.values[unknown], return_index=True)
        for token, at in zip(tokens.tolist(), unknown[first], strict=True):
            i = np.searchsorted(sequences.offsets, at, side="right") - 1
            step = at - sequences.offsets[i] if steps is None else steps[at]
            problems.add(
                None if is_stream else i, f"has {token!r} at step {step}, a token that training never saw."
            )
        problems.raise_if_any()

    def _make_dataset(self, sequences):
        """Pair what is read with what comes next; texts of a list begin, and end, with a symbol."""
        if not isinstance(sequences, Sequences):
            return sequences  # a data set, see `_read_source`
        codes, n_tokens = sequences.values, len(self.vocabulary_)
        first, behind = sequences.offsets[:-1], sequences.offsets[1:]
        if self._is_stream:
            inputs = np.roll(codes + 1, 1)
            inputs[first] = _START
            return SequenceDataset(sequences.with_values(inputs), codes, per_step=True)
        return SequenceDataset(self._begin(sequences), np.insert(codes, behind, n_tokens), per_step=True)

    def _begin(self, sequences):
        """Put the symbol before each sequence that all begin with."""
        inputs = np.insert(sequences.values + 1, sequences.offsets[:-1], _START)
        return Sequences(inputs, sequences.offsets + np.arange(len(sequences.offsets)))

    def _hold_out(self, dataset):
        if isinstance(dataset, FileDataset):
            return dataset.as_held_out()
        return HeldOutDataset(dataset.sequences, dataset.targets, per_step=True)

    def _as_stream(self, dataset):
        if not isinstance(dataset, SequenceDataset):
            return dataset
        return StreamDataset(dataset.sequences.values, dataset.targets, self.bptt_steps)

    def _describe_architecture(self):
        return super()._describe_architecture() | {"bptt_steps": None}  # chunks are not cut again

    def _describe_head(self):
        return "softmax", len(self.vocabulary_) + (not self._is_stream)

    def _split(self, dataset, groups):
        if not self._is_stream:
            kept, held_out = super()._split(dataset, groups)
            return kept, self._hold_out(held_out)
        n = dataset.n_steps
        n_held = max(2, round(self.validation_fraction * n))
        if n_held >= n:
            raise ValueError(f"early_stopping leaves nothing to train on: X has {n} steps.")
        return dataset.set_end_aside(n_held)

    def _score_dataset(self, dataset, module):
        return -self.net_.history[-1]["valid_loss"]  # has just been computed

    # What is known of a text

    @fair_threads()
    def _log_probabilities(self, X):
        """Give the log-probability of each target of X, laid end to end, and the sequences of targets."""
        check_is_fitted(self, "module_")
        dataset = self._make_dataset(self._read_text(X, reset=False)[0])
        return log_probabilities(self.module_, dataset), dataset.sequences

    @fair_threads()
    def _score_file(self, path):
        """Give the mean log-probability of a file's characters, which is read and scored chunk by chunk."""
        check_is_fitted(self, "module_")
        dataset = self._hold_out(self._read_file(path, reset=False))
        parts = stream_log_probabilities(self.module_, dataset)
        return sum(float(part.sum(dtype=np.float64)) for part in parts) / dataset.n_steps

    def score(self, X, y=None):
        """Give the mean log-probability of a token, in nats.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`. The ends of the texts of a list count as tokens.
        y : None
            Ignored.

        Returns
        -------
        float
            At most 0; larger is better.
        """
        if isinstance(X, os.PathLike) and getattr(self, "_is_stream", True):
            return self._score_file(X)
        return float(self._log_probabilities(X)[0].mean(dtype=np.float64))

    def perplexity(self, X):
        """Give the perplexity: among how many tokens, equally likely, one would have to guess.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.

        Returns
        -------
        float
            ``exp(-score(X))``, at least 1; smaller is better.
        """
        return float(np.exp(-self.score(X)))

    def bits_per_token(self, X):
        """Give the mean number of bits that it takes to tell the next token.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.

        Returns
        -------
        float
            ``-score(X) / log(2)``; smaller is better.
        """
        return -self.score(X) / np.log(2)

    def score_samples(self, X):
        """Give the log-probability of each text, in nats.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Sums over the tokens; of a list, with the end of each text.
        """
        logs, sequences = self._log_probabilities(X)
        return np.add.reduceat(logs.astype(np.float64), sequences.offsets[:-1])

    def surprisal(self, X):
        """Give the surprisal of each token: its negative log-probability, given all before it, in nats.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.

        Returns
        -------
        object array of ndarray of shape (n_steps_i,)
            One number a token; a single array for one stream.
        """
        logs, sequences = self._log_probabilities(X)
        parts = np.split(-logs, sequences.offsets[1:-1])
        return self._give(X, parts if self._is_stream else [part[:-1] for part in parts])

    @fair_threads()
    def predict_proba(self, X):
        """Give the probabilities of the next token after each step.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See :meth:`fit`.

        Returns
        -------
        object array of ndarray of shape (n_steps_i, n_tokens) or (n_steps_i, n_tokens + 1)
            Columns in the order of `vocabulary_`; the last one, of a model of texts, is that the text ends. A
            single array for one stream.
        """
        check_is_fitted(self, "module_")
        sequences = self._read_inputs(X)
        flat = next_probabilities(self.module_, SequenceDataset(sequences, per_step=True))
        return self._cut(flat, sequences, X)

    def _read_inputs(self, X):
        return self._begin(self._read_text(X, reset=False)[0])

    def _cut(self, flat, sequences, X):
        """Cut answers for all steps into one array a sequence, without that for the symbol at its begin."""
        return self._give(X, [part[1:] for part in np.split(flat, sequences.offsets[1:-1])])

    def _give(self, X, parts):
        return parts[0] if _is_stream(X) else object_array(parts)

    # Sampling

    @fair_threads()
    def sample(
        self,
        n_samples=1,
        *,
        max_length=200,
        prime=None,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        random_state=None,
        return_log_proba=False,
    ):
        """Draw texts from the model, all at once.

        Parameters
        ----------
        n_samples : int, default=1
            Number of texts; with several primes, of each.
        max_length : int, default=200
            Largest number of tokens to draw.
        prime : str, sequence of tokens, or list of these, optional
            What the text begins with. A list holds several, of any lengths.
        temperature : float, default=1.0
            The scores are divided by it: below 1 likely tokens become more likely; 0 takes the most likely.
        top_k : int, optional
            Draw from the k most likely tokens only.
        top_p : float in (0, 1], optional
            Draw from the most likely tokens only that together have this probability (Holtzman et al., 2020).
        stop : token, optional
            A token at which a text ends, and which is its last. A model of texts has learnt where they end.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.
        return_log_proba : bool, default=False
            Whether to give the log-probabilities as well.

        Returns
        -------
        samples : list
            Texts as str if the model was fitted on texts, else lists of tokens; the prime included, those of
            the first prime first.
        log_proba : ndarray of shape (n_texts,)
            With `return_log_proba`: the log-probability of what was drawn, its end included, given the prime;
            by the model as it is, at temperature 1 and with all tokens.

        Raises
        ------
        ValueError, TypeError
            If an option is not legal, or a prime has a token that training never saw.

        References
        ----------
        Holtzman, A. et al. (2020). The curious case of neural text degeneration. ICLR.

        Examples
        --------
        >>> from sklearn_rnn import RNNLanguageModel
        >>> names = RNNLanguageModel(hidden_size=32, max_iter=100, random_state=0)
        >>> names = names.fit(["anna", "hanna", "johanna", "marianna"] * 4)
        >>> names.sample(2, prime="jo", temperature=0)
        ['johanna', 'johanna']
        """
        check_count("n_samples", n_samples)
        check_count("max_length", max_length)
        primes = self._read_primes(prime)
        starts = [start for start in primes for _ in range(n_samples)]
        steps = self._draw(starts, max_length, temperature, top_k, top_p, stop, random_state)
        drawn, logs, goes_on = (np.stack(parts, axis=1) for parts in zip(*steps, strict=True))
        n_drawn = 1 + goes_on[:, :-1].sum(axis=1)  # what ends a text included
        log_proba = np.where(np.arange(drawn.shape[1]) < n_drawn[:, np.newaxis], logs, 0).sum(
            axis=1, dtype=np.float64
        )
        samples = []
        for start, codes, n in zip(starts, drawn, n_drawn, strict=True):
            n -= codes[n - 1] == len(self.vocabulary_)  # the end
            samples.append(self._spell(np.concatenate([start, codes[:n]])))
        return (samples, log_proba) if return_log_proba else samples

    def stream(
        self,
        prime=None,
        *,
        max_length=None,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        random_state=None,
    ):
        """Draw a text token by token.

        Parameters
        ----------
        prime : str or sequence of tokens, optional
            What the text begins with; it is not given again.
        max_length : int, optional
            Largest number of tokens to draw; by default there is no limit.
        temperature, top_k, top_p, stop, random_state
            See :meth:`sample`.

        Returns
        -------
        iterator of str or int
            Gives token after token, as they are drawn.

        Raises
        ------
        ValueError, TypeError
            As :meth:`sample`, at once.

        Examples
        --------
        >>> from itertools import islice
        >>> from sklearn_rnn import RNNLanguageModel
        >>> model = RNNLanguageModel(bptt_steps=8, batch_size=2, random_state=0).fit("la li lu " * 50)
        >>> "".join(islice(model.stream("la", temperature=0), 7))
        ' li lu '
        """
        primes = self._read_primes(prime)
        if len(primes) > 1:
            raise ValueError(f"stream draws one text, but {len(primes)} primes are given; see sample.")
        steps = self._draw(primes, max_length, temperature, top_k, top_p, stop, random_state)
        tokens = self.vocabulary_.tolist()
        return (tokens[codes[0]] for codes, _, _ in steps if codes[0] < len(tokens))

    def _read_primes(self, prime):
        """Give the codes of each prime."""
        check_is_fitted(self, "module_")
        if prime is None:
            return [np.zeros(0, dtype=np.int64)]
        if not (hasattr(prime, "__len__") and hasattr(prime, "__getitem__")) or isinstance(prime, dict):
            raise TypeError(
                f"prime must be a text, a sequence of tokens, or a list of these, but it is {prime!r}."
            )
        primes = [prime] if self._is_one(prime) else list(prime)
        is_filled = [not hasattr(p, "__len__") or len(p) > 0 for p in primes]  # nothing is legal here
        filled = [p for p, is_any in zip(primes, is_filled, strict=True) if is_any]
        given = prime if _is_stream(prime) else filled  # of one text, messages speak without an index
        sequences = self._read_text(given, reset=False, name="prime")[0] if filled else []
        rest = iter(sequences)
        return [next(rest) if is_any else np.zeros(0, dtype=np.int64) for is_any in is_filled]

    def _is_one(self, prime):
        """Whether a prime is one sequence of tokens, and not a list of several."""
        if isinstance(prime, (str, bytes)) or len(prime) == 0:
            return True
        first = next(iter(prime))
        # A list of str: words, or texts that are read character by character.
        return np.ndim(first) == 0 and not (isinstance(first, str) and self._joins)

    @property
    def _joins(self):
        """Whether a text is a str, a token a character; `as_sequences` makes objects of all other tokens."""
        return self.vocabulary_.dtype == "<U1"

    def _spell(self, codes):
        tokens = self.vocabulary_[np.array(codes, dtype=np.int64)].tolist()
        return "".join(tokens) if self._joins else tokens

    def _draw(self, starts, max_length, temperature, top_k, top_p, stop, random_state):
        """Draw tokens for all texts at once, step by step.

        Yields
        ------
        codes : ndarray of int of shape (n_texts,)
            The tokens; what stands for a text that has ended means nothing.
        logs : ndarray of shape (n_texts,)
            Their log-probabilities.
        alive : ndarray of bool of shape (n_texts,)
            Which texts go on.
        """
        _check_sampling(temperature, top_k, top_p)
        if max_length is not None:
            check_count("max_length", max_length)
        stop_code = None
        if stop is not None:
            sequences = self._read_text(
                [stop] if isinstance(stop, str) and self._joins else [[stop]], reset=False, name="stop"
            )[0]
            if len(sequences.values) != 1:
                raise ValueError(f"stop must be one token, but {stop!r} are {len(sequences.values)}.")
            stop_code = sequences.values[0]
        rng = np.random.default_rng() if random_state is None else check_random_state(random_state)
        uniform = rng.random if random_state is None else rng.random_sample
        return self._go(starts, max_length, temperature, top_k, top_p, stop_code, uniform)

    def _go(self, starts, max_length, temperature, top_k, top_p, stop_code, uniform):
        network, n_tokens = self.module_, len(self.vocabulary_)
        like = network.like
        logs, state = self._read_starts(starts)
        step, read_out = Stepper(network.recurrence), _make_read_out(network.head)
        rows, alive = np.arange(len(starts)), np.ones(len(starts), dtype=bool)
        can_end = not self._is_stream or stop_code is not None
        n_drawn = 0
        while True:
            codes = _choose(logs, temperature, top_k, top_p, uniform(len(starts)))
            if can_end:
                alive = alive & (codes < n_tokens)
                if stop_code is not None:
                    alive &= codes != stop_code
            yield codes, logs[rows, codes], alive
            n_drawn += 1
            if n_drawn == max_length or (can_end and not alive.any()):
                return
            # The end has no code of its own among the inputs; what comes after it is not looked at.
            inputs = torch.from_numpy((codes + 1) % (n_tokens + 1)).to(like.device)
            if network.input.embedding is not None:
                inputs = network.input(inputs).detach()
            outputs, state = step(inputs, state)
            logs = _log_softmax(read_out(outputs))

    def _read_starts(self, starts):
        """Read the primes; give the log-probabilities of the next tokens and the state, in their order."""
        network = self.module_
        lengths = np.array([len(start) + 1 for start in starts])
        order = np.argsort(-lengths, kind="stable")
        packing = Packing(lengths[order], network.like.device)
        flat = np.concatenate([np.r_[_START, np.asarray(starts[i], dtype=np.int64) + 1] for i in order])
        begins = np.cumsum(lengths[order]) - lengths[order]
        inputs = torch.from_numpy(flat[begins[packing.row_of] + packing.step_of]).to(network.like.device)
        back = torch.from_numpy(np.argsort(order)).to(network.like.device)
        with torch.inference_mode():
            outputs, state = network.recurrence(network.input(inputs), packing, need_state=True)
            scores = network.head(outputs.index_select(0, packing.last)).index_select(0, back)
            state = [tuple(s.index_select(0, back) for s in part) for part in state]
        return _log_softmax(scores), state

    def __sklearn_tags__(self):
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


def _is_stream(X):
    """Whether X is one sequence of tokens, and not a list of several."""
    if isinstance(X, (str, os.PathLike)):
        return True
    return isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "iu"


def _refuse_iterator(X, name="X"):
    if hasattr(X, "__next__"):
        raise TypeError(
            f"{name} is an iterator, which can be read only once. Give the text as a str or as the Path of a "
            "file, or train with partial_fit, which reads an iterator once."
        )


def _make_read_out(head):
    """Make what computes the scores in sampling: a single call, where modules do no more than that."""
    linear = head.output
    if type(head) is not SoftmaxHead or type(linear) is not nn.Linear or linear.bias is None:
        return lambda outputs: head(outputs).detach()
    weight, bias = linear.weight.detach().t(), linear.bias.detach()
    return lambda outputs: torch.addmm(bias, outputs, weight)


def _log_softmax(scores):
    return torch.log_softmax(scores.float(), dim=1).cpu().numpy()


def _choose(logs, temperature, top_k, top_p, uniform):
    """Draw a token for each row of log-probabilities (n, K), given one number in [0, 1) for each."""
    if temperature == 0:
        return logs.argmax(axis=1)
    behind = logs.astype(np.float64) - logs.max(axis=1, keepdims=True)
    weights = np.exp(behind / max(temperature, 1e-200))  # below that all others are infinitely far behind
    if top_k is not None and top_k < logs.shape[1]:
        np.put_along_axis(weights, np.argpartition(-weights, top_k, axis=1)[:, top_k:], 0, axis=1)
    if top_p is not None and top_p < 1:
        order = np.argsort(-weights, axis=1, kind="stable")
        ranked = np.take_along_axis(weights, order, axis=1)
        before = np.cumsum(ranked, axis=1) - ranked  # the most likely one is always kept
        ranked[before >= top_p * ranked.sum(axis=1, keepdims=True)] = 0
        np.put_along_axis(weights, order, ranked, axis=1)
    heights = np.cumsum(weights, axis=1)
    return (heights > (uniform * heights[:, -1])[:, np.newaxis]).argmax(axis=1)


def _check_sampling(temperature, top_k, top_p):
    if not isinstance(temperature, numbers.Real) or isinstance(temperature, bool):
        raise TypeError(f"temperature must be a number, but it is {temperature!r}.")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be at least 0, but it is {temperature}.")
    if top_k is not None:
        check_count("top_k", top_k)
    if top_p is not None and not (isinstance(top_p, numbers.Real) and 0 < top_p <= 1):
        raise ValueError(f"top_p must be greater than 0 and at most 1, but it is {top_p!r}.")
