"""Problems on numbers that need memory: adding, delayed copy, parity."""

import numpy as np

from sklearn_rnn.data.parameters import check_count
from sklearn_rnn.data.random_state import check_random_state
from sklearn_rnn.datasets._arguments import draw_lengths


def _cut(steps, lengths):
    """Cut the steps of all sequences, (S, ...), into one array per sequence."""
    return np.split(steps, np.cumsum(lengths)[:-1])


def make_adding_problem(n_sequences=1000, n_steps=100, *, random_state=None):
    """Generate the adding problem (many to one, regression).

    At each step the first feature is a random value, the second a marker. Exactly two steps of a sequence are
    marked, anywhere; the target is the sum of their values. To solve it, a network must remember one value
    over any number of steps. This is the variant of [2]_; in [1]_ one of the markers is within the first ten
    steps, and values lie in [-1, 1].

    A network that learnt nothing predicts 1 everywhere and has a mean squared error of 1/6 = 0.167.

    Parameters
    ----------
    n_sequences : int, default=1000
        The number of sequences.
    n_steps : int or tuple (min, max), default=100
        The number of steps of every sequence, at least 2, or the bounds between which it is drawn.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same output on every call.

    Returns
    -------
    X : list of n_sequences arrays of shape (n_steps_i, 2)
        Values, uniform on [0, 1], and markers, 0 or 1, float32.
    y : ndarray of shape (n_sequences,)
        The sum of the two marked values, float32.

    References
    ----------
    .. [1] Hochreiter, S., & Schmidhuber, J. (1997). Long short-term memory. Neural Computation, 9(8),
           1735-1780, section 5.4.
    .. [2] Bai, S., Kolter, J. Z., & Koltun, V. (2018). An empirical evaluation of generic convolutional
           and recurrent networks for sequence modeling. arXiv:1803.01271.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_adding_problem
    >>> X, y = make_adding_problem(3, n_steps=(5, 20), random_state=0)
    >>> [x.shape for x in X]
    [(17, 2), (20, 2), (10, 2)]
    >>> values, markers = X[0].T
    >>> print(values[markers == 1], y[0])
    [0.6458941  0.92559665] 1.5714908
    """
    rng = check_random_state(random_state)
    lengths = draw_lengths(n_sequences, n_steps, 2, rng)
    starts = np.cumsum(lengths) - lengths
    # The second marker is one of the T - 1 steps left; those from the first marker on move up by one.
    first = rng.randint(lengths)
    second = rng.randint(lengths - 1)
    second += second >= first

    steps = np.zeros((lengths.sum(), 2), dtype=np.float32)
    steps[:, 0] = rng.uniform(size=len(steps))
    steps[starts + first, 1] = steps[starts + second, 1] = 1
    y = steps[starts + first, 0] + steps[starts + second, 0]
    return _cut(steps, lengths), y


def make_delayed_copy(n_sequences=1000, n_steps=20, *, delay=5, n_symbols=8, random_state=None):
    r"""Generate the delayed copy problem (many to many, one label a step).

    Each step shows a random symbol, and the label is the symbol shown `delay` steps earlier. A network must
    remember the last `delay` symbols at any time. The first `delay` steps have the label 0, "blank".

    With K symbols, a network that knows how many steps have passed but recalls no symbol is right on
    a share of ``(delay + (n_steps - delay) / K) / n_steps`` of the steps, 0.344 with the defaults.

    Parameters
    ----------
    n_sequences : int, default=1000
        The number of sequences.
    n_steps : int or tuple (min, max), default=20
        The number of steps of every sequence, or the bounds between which it is drawn; above `delay`.
    delay : int, default=5
        Number of steps from a symbol to its label. With 0 no memory is needed.
    n_symbols : int, default=8
        The number of different symbols, K, at least 2.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same output on every call.

    Returns
    -------
    X : list of n_sequences arrays of shape (n_steps_i,)
        The symbols, 1 to `n_symbols`, int64.
    y : list of n_sequences arrays of shape (n_steps_i,)
        The labels, 0 to `n_symbols`, int64.

    References
    ----------
    .. [1] Jaeger, H. (2001). Short term memory in echo state networks. GMD Report 152. (The delayed
           repetition of an input.)
    .. [2] Arjovsky, M., Shah, A., & Bengio, Y. (2016). Unitary evolution recurrent neural networks.
           ICML, 1120-1128. (Blank and symbols.)

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_delayed_copy
    >>> X, y = make_delayed_copy(10, n_steps=8, delay=2, random_state=0)
    >>> print(X[0], y[0], sep="\n")
    [5 8 6 1 4 4 4 8]
    [0 0 5 8 6 1 4 4]
    """
    check_count("delay", delay, minimum=0)
    check_count("n_symbols", n_symbols, minimum=2)
    rng = check_random_state(random_state)
    lengths = draw_lengths(n_sequences, n_steps, 1, rng)
    if delay >= np.min(n_steps):
        raise ValueError(f"delay={delay} must be smaller than every sequence, but n_steps={n_steps}.")
    symbols = rng.randint(1, n_symbols + 1, size=lengths.sum(), dtype=np.int64)
    X = _cut(symbols, lengths)
    y = [np.concatenate([np.zeros(delay, dtype=np.int64), x[: len(x) - delay]]) for x in X]
    return X, y


def make_parity(n_sequences=1000, n_steps=(1, 20), *, per_step=True, random_state=None):
    r"""Generate the parity problem: is the number of ones so far odd? (one label a step or a sequence).

    No step can be left out and no part of a sequence is informative about the answer, yet one bit of memory
    is enough: the label is the exclusive or of the bit and the label before.

    Bits are fair coins, so labels are too: a network that learnt nothing is right on half of them.

    Parameters
    ----------
    n_sequences : int, default=1000
        The number of sequences.
    n_steps : int or tuple (min, max), default=(1, 20)
        The number of steps of every sequence, or the bounds between which it is drawn.
    per_step : bool, default=True
        Whether each step has a label, or only the sequence as a whole.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same output on every call. The sequences are the same for both values of
        `per_step`.

    Returns
    -------
    X : list of n_sequences arrays of shape (n_steps_i, 1)
        The bits, float32.
    y : list of n_sequences arrays of shape (n_steps_i,), or ndarray of shape (n_sequences,)
        1 where the number of ones up to here is odd, 0 where it is even, int64. An array if `per_step`
        is False.

    References
    ----------
    .. [1] Minsky, M., & Papert, S. (1969). Perceptrons. MIT Press, chapter 3.
    .. [2] Elman, J. L. (1990). Finding structure in time. Cognitive Science, 14(2), 179-211. (Exclusive
           or over time.)

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_parity
    >>> X, y = make_parity(10, n_steps=8, random_state=0)
    >>> print(X[0].ravel().astype(int), y[0], sep="\n")
    [0 1 1 0 1 1 1 1]
    [0 1 0 0 1 0 1 0]
    >>> X, y = make_parity(10, n_steps=8, per_step=False, random_state=0)
    >>> print(y)
    [0 0 1 1 1 0 1 0 1 1]
    """
    rng = check_random_state(random_state)
    lengths = draw_lengths(n_sequences, n_steps, 1, rng)
    X = _cut(rng.randint(2, size=(lengths.sum(), 1)).astype(np.float32), lengths)
    y = [x[:, 0].astype(np.int64).cumsum() % 2 for x in X]
    if not per_step:
        y = np.array([labels[-1] for labels in y])
    return X, y
