"""Data sets of sequences, of pairs of sequences and of windows of series."""

from dataclasses import replace

import numpy as np
import torch

from sklearn_rnn.batches.digest import digest
from sklearn_rnn.batches.packing import PackedBatch, Packing
from sklearn_rnn.batches.protocol import RowDataset
from sklearn_rnn.data.sequences import Sequences, step_positions


class SequenceDataset(RowDataset):
    """Encoded sequences with targets and weights, from which batches are gathered.

    Parameters
    ----------
    sequences : Sequences
        Numbers as float32, or tokens as int64 codes.
    targets : ndarray, optional
        One entry per sequence, or one per step of all sequences laid end to end.
    weights : ndarray, optional
        Laid out like the targets.
    per_step : bool, default=False
        Whether targets and weights belong to steps.
    rows : ndarray of int, optional
        Indices of the sequences that belong to this data set; by default all.
    condition : ndarray of float32 of shape (n_sequences, p), optional
        A vector for each of `sequences`.
    """

    def __init__(self, sequences, targets=None, weights=None, *, per_step=False, rows=None, condition=None):
        self.sequences = sequences
        self.targets = targets
        self.weights = weights
        self.per_step = per_step
        self.rows = rows
        self.condition = condition
        self.lengths = sequences.lengths if rows is None else sequences.lengths[rows]

    def keep(self, rows):
        """Select some of `sequences`, without a copy; see `RowDataset`."""
        return SequenceDataset(
            self.sequences,
            self.targets,
            self.weights,
            per_step=self.per_step,
            rows=rows,
            condition=self.condition,
        )

    def subset(self, rows):
        """Copy some of `sequences` into a data set of their own; see `RowDataset`."""
        sequences = self.sequences[rows]
        index = rows
        if self.per_step:
            index = step_positions(self.sequences.offsets[rows], sequences.lengths)
        targets, weights = (None if a is None else a[index] for a in (self.targets, self.weights))
        condition = None if self.condition is None else self.condition[rows]
        return SequenceDataset(sequences, targets, weights, per_step=self.per_step, condition=condition)

    def fingerprint(self):
        """Return a line of text that identifies the data; see `RowDataset`."""
        arrays = (self.sequences.values, self.sequences.offsets, self.targets, self.weights, self.rows)
        return f"{len(self)} sequences ({digest(*arrays, self.condition)})"

    def gather(self, members, like):
        """Lay out one batch; see `RowDataset`.

        Parameters
        ----------
        members, like
            See `RowDataset`.

        Returns
        -------
        PackedBatch
            The batch. Its ``index`` holds the positions of the answers among those for all of `sequences`.
        """
        rows = members if self.rows is None else self.rows[members]
        packing = Packing._trusted(self.lengths[members], like.device)
        positions = self.sequences.offsets[rows][packing.row_of] + packing.step_of
        index = positions if self.per_step else rows

        def take(array, where):
            if array is None:
                return None
            taken = torch.from_numpy(array.take(where, axis=0))
            return taken.to(like.device, like.dtype if taken.is_floating_point() else taken.dtype)

        return PackedBatch(
            take(self.sequences.values, positions),
            packing,
            take(self.targets, index),
            take(self.weights, index),
            index,
            condition=take(self.condition, rows),
        )


class PairDataset(RowDataset):
    """Target sequences with the sources that they are predicted from.

    Parameters
    ----------
    sources : Sequences, or ndarray of float32 of shape (n_pairs, p)
        Encoded sequences; or vectors.
    inputs : Sequences
        What the decoder reads: the symbol of the beginning, then the codes of each target.
    targets : ndarray of int64 of shape (n_steps_total,), optional
        What the decoder should write at each of these steps.
    weights : ndarray of shape (n_steps_total,), optional
        Weights of the steps.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn.batches.datasets import PairDataset
    >>> sources = Sequences(np.arange(5), np.array([0, 3, 5]))
    >>> dataset = PairDataset(sources, Sequences(np.arange(6), np.array([0, 2, 6])))
    >>> batch = dataset.gather(np.array([1, 0]), torch.zeros(1))
    >>> batch.values.tolist(), batch.source.values.tolist(), batch.source_row.tolist()
    ([2, 0, 3, 1, 4, 5], [0, 3, 1, 4, 2], [1, 0])
    """

    def __init__(self, sources, inputs, targets=None, weights=None):
        self.sources = sources
        self.written = SequenceDataset(inputs, targets, weights, per_step=True)
        self.lengths = inputs.lengths

    @property
    def sizes(self):
        """The lengths of the targets; where these are equal, the sources' lengths decide."""
        if not isinstance(self.sources, Sequences):
            return self.lengths
        return self.lengths + self.sources.lengths / (1 + self.sources.lengths.max())

    @property
    def targets(self):
        """What the decoder should write, laid end to end."""
        return self.written.targets

    def subset(self, rows):
        """Copy some pairs into a data set of their own; see `RowDataset`."""
        written = self.written.subset(rows)
        return PairDataset(self.sources[rows], written.sequences, written.targets, written.weights)

    def fingerprint(self):
        """Return a line of text that identifies the data; see `RowDataset`."""
        sources = self.sources
        arrays = (sources.values, sources.offsets) if isinstance(sources, Sequences) else (sources,)
        return f"{self.written.fingerprint()} from {digest(*arrays)}"

    def gather(self, members, like):
        """Lay out one batch; see `RowDataset`.

        Parameters
        ----------
        members, like
            See `RowDataset`.

        Returns
        -------
        PackedBatch
            The targets. Its ``source`` holds the sources as a separate batch in its own order, and its
            ``source_row`` holds the row of the source of each target. If sources are vectors, ``source``
            holds them as (B, p), in the order of the targets, and ``source_row`` is None.
        """
        source, row = gather_sources(self.sources, members, like)
        return replace(self.written.gather(members, like), source=source, source_row=row)


def gather_sources(sources, members, like):
    """Lay out some sources.

    Parameters
    ----------
    sources : Sequences or ndarray of float32 of shape (n, p)
        All sources.
    members : ndarray of int
        Indices of the sources, in any order.
    like : Tensor
        See `RowDataset`.

    Returns
    -------
    source : PackedBatch, or Tensor of shape (B, p)
        A batch, in order of decreasing length; or vectors, in the order of `members`.
    row : int64 Tensor of shape (B,), or None
        Row of each member in the batch.
    """
    if not isinstance(sources, Sequences):
        return torch.from_numpy(sources[members]).to(like.device, like.dtype), None
    order = np.argsort(-sources.lengths[members], kind="stable")
    row = np.empty_like(order)
    row[order] = np.arange(len(order))
    source = SequenceDataset(sources, per_step=True).gather(members[order], like)
    return source, torch.from_numpy(row).to(like.device)


class WindowDataset(RowDataset):
    """Windows of series: at each step the past is the input, and the next steps are the target.

    Only the current batch is copied, however much windows overlap.

    Parameters
    ----------
    values : ndarray of float of shape (n_steps_total, n_features)
        The steps of all series, laid end to end. They are scaled in float64.
    known : ndarray of float32 of shape (n_steps_total, n_known), or None
        What is known of each step in advance, laid out like `values`.
    starts, lengths : ndarray of int of shape (n_windows,)
        Where in `values` each window begins, and its number of steps. A window never reaches into the next
        series; neither do its predictions.
    mean, scale : ndarray of shape (n_windows, n_features)
        What is subtracted from the values of a window, and what they are then divided by.
    horizon : int
        How many steps after a step are predicted there.
    weights : ndarray of shape (n_windows,), optional
        Of the steps of each window.
    judged : ndarray of int of shape (n_windows,), optional
        Number of steps at the end of each window whose predictions count. By default all.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn.batches.datasets import WindowDataset
    >>> values = np.arange(10, dtype=np.float32)[:, np.newaxis]
    >>> one = np.ones((2, 1))
    >>> windows = WindowDataset(values, None, np.array([0, 5]), np.array([3, 3]), 0 * one, one, horizon=2)
    >>> batch = windows.gather(np.array([0, 1]), torch.zeros(1))
    >>> batch.values[:, 0].tolist()
    [0.0, 5.0, 1.0, 6.0, 2.0, 7.0]
    >>> batch.targets.tolist()[:2]
    [[1.0, 2.0], [6.0, 7.0]]
    """

    def __init__(self, values, known, starts, lengths, mean, scale, horizon=1, *, weights=None, judged=None):
        self.values = values
        self.known = known
        self.starts = starts
        self.lengths = lengths
        self.mean = mean
        self.scale = scale
        self.horizon = horizon
        self.weights = weights
        self.judged = judged
        if judged is not None:  # the mean over all steps must equal that over the steps that count
            self.weights = np.ones(len(starts)) if weights is None else weights
            self.weights = self.weights * lengths.sum() / (self.weights * judged).sum()

    def subset(self, rows):
        """Select some windows, over the same steps; see `RowDataset`."""
        weights, judged = (None if a is None else a[rows] for a in (self.weights, self.judged))
        return WindowDataset(
            self.values,
            self.known,
            self.starts[rows],
            self.lengths[rows],
            self.mean[rows],
            self.scale[rows],
            self.horizon,
            weights=weights,
            judged=judged,
        )

    def fingerprint(self):
        """Return a line of text that identifies the data; see `RowDataset`."""
        where = self.starts, self.lengths, self.mean, self.scale, self.weights, self.judged
        return f"{len(self)} windows, {self.horizon} ahead ({digest(self.values, self.known, *where)})"

    def gather(self, members, like, *, has_targets=True):
        """Lay out one batch; see `RowDataset`.

        Parameters
        ----------
        members, like
            See `RowDataset`.
        has_targets : bool, default=True
            Whether to return targets, for which the values after each step must exist.

        Returns
        -------
        PackedBatch
            Inputs: the values at a step and what is known of the `horizon` steps after it. Targets: the
            values at these steps, step after step.
        """
        packing = Packing._trusted(self.lengths[members], like.device)
        row = members[packing.row_of]
        at = self.starts[row] + packing.step_of
        mean, scale = self.mean[row], self.scale[row]  # (S_b, F)
        after = at[:, np.newaxis] + np.arange(1, self.horizon + 1)  # (S_b, horizon)
        inputs = (self.values[at] - mean) / scale
        if self.known is not None:
            inputs = np.hstack([inputs, self.known[after].reshape(len(at), -1)])
        targets = weights = None
        if has_targets:
            targets = (self.values[after] - mean[:, np.newaxis]) / scale[:, np.newaxis]
            targets = targets.reshape(len(at), -1)
            weights = None if self.weights is None else self.weights[row]
            if self.judged is not None:
                weights = weights * (packing.step_of >= (self.lengths - self.judged)[row])
        inputs, targets, weights = (
            None if a is None else torch.from_numpy(a).to(like.device, like.dtype)
            for a in (inputs, targets, weights)
        )
        return PackedBatch(inputs, packing, targets, weights)

    def look_ahead(self, members, n_steps, like):
        """Return what is known of the steps after each window, without the first.

        Parameters
        ----------
        members, like
            See `gather`.
        n_steps : int
            Number of steps after a window, the first included.

        Returns
        -------
        Tensor of shape (B, n_steps - 1, n_known)
            The last axis is empty if nothing is known.
        """
        if self.known is None:
            return torch.zeros(len(members), n_steps - 1, 0, device=like.device, dtype=like.dtype)
        ends = self.starts[members] + self.lengths[members]
        known = self.known[ends[:, np.newaxis] + np.arange(1, n_steps)]
        return torch.from_numpy(known).to(like.device, like.dtype)
