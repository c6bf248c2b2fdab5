"""The next move: a language model of chess openings, against counting.

Each opening is a sequence of moves, with a move as a token. A fifth of the lines is held out; after each move
the model predicts the next one. Two baselines only count: "bigram" predicts what most often follows the last
move, "book" what most often follows exactly these moves, or the bigram's move if they are not in the book.
The network does not know the rules: its moves are likely, but not always legal.

Run it as ``python examples/next_chess_move.py``.
"""

import argparse
from collections import Counter, defaultdict

import numpy as np

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.datasets import load_chess_openings


def split_lines(n_lines):
    """Return training and test lines; a fifth of those that are not the beginning of another are for test."""
    lines, _ = load_chess_openings(return_X_y=True)
    begun = {tuple(moves[:k]) for moves in lines for k in range(len(moves))}
    lines = [moves for moves in lines if tuple(moves) not in begun][:n_lines]
    train, rest = lines[len(lines) // 5 :], lines[: len(lines) // 5]
    known = {move for moves in train for move in moves}
    test = [moves for moves in rest if known.issuperset(moves)]
    print(
        f"{len(train)} lines to train on, {len(known)} different moves; {len(test)} to test on "
        f"({len(rest) - len(test)} left out, with a move that training never saw)"
    )
    return train, test


def count(train):
    """Count what followed each move, and what followed each beginning."""
    after, book = defaultdict(Counter), defaultdict(Counter)
    for moves in train:
        for k in range(1, len(moves)):
            after[moves[k - 1]][moves[k]] += 1
            book[tuple(moves[:k])][moves[k]] += 1
    return after, book


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=None, help="use no more lines than these")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args(arguments)

    train, test = split_lines(options.lines)
    after, book = count(train)
    model = RNNLanguageModel(
        cell="gru", dropout=0.3, learning_rate=0.005, max_iter=options.epochs, random_state=0, verbose=1
    ).fit(train)
    known = np.array(list(model.vocabulary_))

    def best(probabilities):
        of_moves = probabilities[..., : len(known)]  # the last columns are of unknown moves and of the end
        return known[np.argsort(-of_moves)[..., :3]].tolist()

    def most(counter):
        return [move for move, _ in counter.most_common(3)]

    rows = []  # for each move: was it in the book, and the three best of each model
    for moves, network in zip(test, map(best, model.predict_proba(test)), strict=True):
        for k in range(1, len(moves)):
            begin, last = tuple(moves[:k]), moves[k - 1]
            guesses = {"bigram": most(after[last]), "network": network[k - 1]}
            guesses["book"] = most(book[begin]) if begin in book else guesses["bigram"]
            rows.append((moves[k], begin in book, guesses))

    print(f"\n{'':10}next move right   among the best three   right where the book has ended")
    right = {}
    for name in ("bigram", "book", "network"):
        first = np.array([guesses[name][:1] == [move] for move, _, guesses in rows])
        three = np.array([move in guesses[name] for move, _, guesses in rows])
        beyond = np.array([not in_book for _, in_book, _ in rows])
        right[name] = first.mean(), three.mean(), first[beyond].mean()
        print(f"{name:10}{right[name][0]:15.3f}{right[name][1]:23.3f}{right[name][2]:33.3f}")
    print(f"({len(rows)} moves, {beyond.sum()} of them where the book has ended)")

    for begin in (["e4", "c5"], ["d4", "Nf6", "c4", "g6"]):
        chances = model.predict_proba([begin])[0][-1]
        likely = (f"{move} {chances[: len(known)][known == move].item():.0%}" for move in best(chances))
        print(f"\nAfter {' '.join(begin)}: {', '.join(likely)}")
        for line in model.sample(3, prompt=begin, temperature=0.5, max_new_tokens=8, random_state=0):
            print(f"    {' '.join(line)}")
    return right


if __name__ == "__main__":
    main()
