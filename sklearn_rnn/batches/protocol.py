"""The protocol of data sets: what training, prediction and files ask of them."""

from abc import ABC, abstractmethod

from sklearn_rnn.batches.planning import plan_training


class Dataset(ABC):
    """What a network is trained on: a source of batches.

    ``len(dataset)`` is the largest number of rows that a batch can have: the sequences, pairs or windows of a
    `RowDataset`; the lanes that a stream can be cut into.

    Attributes
    ----------
    per_step : bool
        Whether there is a target for each step, or one for each sequence.
    n_steps : int or None
        Number of steps in an epoch; None if it is not known before they are read.
    """

    per_step = True

    @abstractmethod
    def __len__(self): ...

    @abstractmethod
    def batches(self, batch_size, rng, like):
        """Yield the batches of one epoch.

        Parameters
        ----------
        batch_size : int
            Number of rows in a batch; the last ones may have fewer.
        rng : numpy.random.RandomState
            Source of the order. A stream has one order, and does not use it.
        like : Tensor
            The batches are made on its device, numbers with its type.

        Yields
        ------
        PackedBatch
            A batch with targets.
        """


class RowDataset(Dataset):
    """A data set of rows (sequences, pairs or windows) that may come in any order.

    Attributes
    ----------
    lengths : ndarray of int of shape (n_rows,)
        Number of steps of each row.
    """

    def __len__(self):
        return len(self.lengths)

    @property
    def n_steps(self):
        """Number of steps of all rows together."""
        return int(self.lengths.sum())

    @property
    def sizes(self):
        """Numbers that rows are sorted by; rows of similar size go together."""
        return self.lengths

    def batches(self, batch_size, rng, like):
        """Yield all rows in batches of similar length, drawn again in each call; see `Dataset`."""
        for members in plan_training(self.sizes, batch_size, rng):
            yield self.gather(members, like)

    @abstractmethod
    def gather(self, members, like):
        """Lay out one batch.

        Parameters
        ----------
        members : ndarray of int
            Indices of rows, in order of decreasing length.
        like : Tensor
            The batch is made on its device, numbers with its type.

        Returns
        -------
        PackedBatch
            The batch, with targets and weights if the data set has some. Its ``index`` holds the positions of
            the answers among those for all rows: the rows, or (with targets for steps) the steps of all rows
            laid end to end.
        """

    @abstractmethod
    def subset(self, rows):
        """Copy some rows into a data set of their own, such as those set aside for validation.

        Parameters
        ----------
        rows : ndarray of int
            Indices of rows.

        Returns
        -------
        RowDataset
            A data set of the selected rows only.
        """

    def keep(self, rows):
        """Select some rows, such as those that are not set aside; without a copy, where this is possible.

        Parameters
        ----------
        rows : ndarray of int
            Indices of rows.

        Returns
        -------
        RowDataset
            A data set whose batches are those of `subset`.
        """
        return self.subset(rows)

    @abstractmethod
    def fingerprint(self):
        """Return a line of text that identifies the data, wherever they are."""
