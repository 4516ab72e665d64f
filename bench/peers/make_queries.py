#!/usr/bin/env python3
"""Draws the queries of the comparison with Lucene from a corpus.

    bench/peers/make_queries.py CORPUS.jsonl OUTPUT [--every N] [--seed S]

300 sets of terms, a line for each way to ask for them:
  150 runs of words (100 of two, 50 of three):                   +a +b   a b   "a b"
  120 sets of 2 to 5 words of one document, of all frequencies:  +a +b   a b
   30 single words, 10 of each frequency:                        a
The same corpus and seed give the same queries. Standard library only.
"""

import argparse
import collections
import json
import random
import re

TOKENS = re.compile(rb"[a-z0-9]+")
# Words that a person could type.
IS_WORD = re.compile(r"^(?=.*[a-z])[a-z0-9]{2,30}$|^a$").match
SAMPLED_DOCUMENTS = 20000
SHORTEST_DOCUMENT = 20  # words
FREQUENCIES = "HML"     # in 5 % of the documents and more, in 0.5 % to 5 %, in 0.01 % to 0.5 %
WEIGHTS = (40, 35, 25)


class Corpus:
    """Document frequencies, and a sample of the documents as lists of words."""

    def __init__(self, path, every, rng):
        self.df, self.count, self.sample = collections.Counter(), 0, []
        with open(path, "rb") as file:
            for number, line in enumerate(file):
                if number % every == 0:
                    self._add(json.loads(line), rng)

    def _add(self, document, rng):
        words = TOKENS.findall((document["title"] + "\n" + document["body"]).encode().lower())
        self.df.update(set(words))
        self.count += 1
        if len(words) < SHORTEST_DOCUMENT:
            return
        if len(self.sample) < SAMPLED_DOCUMENTS:
            self.sample.append(words)
            return
        place = rng.randrange(self.count)
        if place < SAMPLED_DOCUMENTS:
            self.sample[place] = words

    def frequency(self, word):
        """One of FREQUENCIES, or None for a word too rare."""
        df = self.df[word.encode()]
        share = df / self.count
        if share >= 0.05:
            return "H"
        if share >= 0.005:
            return "M"
        return "L" if share >= 0.0001 and df >= 3 else None


class Queries:
    def __init__(self, corpus, rng):
        self.corpus, self.rng = corpus, rng
        self.lines, self.seen = [], set()

    def add(self, kind, words, forms):
        """False: it was there, or names a word twice."""
        key = kind, tuple(words)
        if key in self.seen or len(set(words)) != len(words):
            return False
        self.seen.add(key)
        self.lines += forms
        return True

    def add_runs(self, size, wanted):
        while wanted > 0:
            document = self.rng.choice(self.corpus.sample)
            at = self.rng.randrange(len(document) - size)
            words = [word.decode() for word in document[at:at + size]]
            if all(IS_WORD(word) and self.corpus.frequency(word) for word in words):
                wanted -= self.add("run", words, all_and_any(words) + ['"' + " ".join(words) + '"'])

    def add_single_words(self, wanted):
        by_frequency = collections.defaultdict(list)
        for word in sorted(word.decode() for word in self.corpus.df):
            if IS_WORD(word):
                by_frequency[self.corpus.frequency(word)].append(word)
        for frequency in FREQUENCIES:
            left = wanted
            while left > 0:
                word = self.rng.choice(by_frequency[frequency])
                left -= self.add("word", [word], [word])

    def add_sets(self, wanted):
        added = 0
        while added < wanted:
            words = self.draw_set(2 + added % 4)
            if words is not None:
                added += self.add("set", words, all_and_any(words))

    def draw_set(self, size):
        """Words of one document, or None when it has not enough of the frequencies drawn."""
        by_frequency = collections.defaultdict(list)
        for word in sorted({word.decode() for word in self.rng.choice(self.corpus.sample)}):
            if IS_WORD(word):
                by_frequency[self.corpus.frequency(word)].append(word)
        words = []
        for _ in range(size):
            frequency = self.rng.choices(FREQUENCIES, WEIGHTS)[0]
            left = [word for word in by_frequency[frequency] if word not in words]
            if left:
                words.append(self.rng.choice(left))
        return words if len(words) == size else None


def all_and_any(words):
    return [" ".join("+" + word for word in words), " ".join(words)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("output")
    parser.add_argument("--every", type=int, default=1, help="look at every N-th document only")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    queries = Queries(Corpus(options.corpus, options.every, rng), rng)
    queries.add_runs(2, 100)
    queries.add_runs(3, 50)
    queries.add_single_words(10)
    queries.add_sets(120)
    with open(options.output, "w") as file:
        file.write("\n".join(queries.lines) + "\n")


if __name__ == "__main__":
    main()
