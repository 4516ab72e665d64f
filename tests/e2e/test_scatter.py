"""The second way to scatter, by term, through real processes: the same matches as by document."""

import unittest

import cluster


class ScatterByTermTest(cluster.ClusterTest):
    QUERIES = ["word0", "+word0 +word1", "word3 word40 nothing", "+word0 -word1", "(+word2 +word5) OR (word7 AND NOT word1)",
               '"green leaf"', '+word0 -"green leaf"', "title:word1 AND body:word2", "word0^3 word9", "nothing"]

    def up_by_term(self, index, replicas):
        return self.up(index, "--scatter", "term", "--replicas", replicas)

    def test_counts_and_matches_are_those_of_scattering_by_document(self):
        documents = self.make_index(docs=3000, shards=4, name="documents")
        terms = self.make_index(docs=3000, shards=1, name="terms")
        with self.up(documents, "--leaves", 2) as by_document, self.up_by_term(terms, 3) as by_term:
            for query in self.QUERIES + self.queries():
                ranked = by_document.search(query, "--size", 5000)
                unranked = by_term.search(query, "--size", 5000)
                self.assertEqual(unranked["total"], ranked["total"], query)
                docs = [hit["doc"] for hit in unranked["hits"]]
                self.assertEqual(docs, sorted(hit["doc"] for hit in ranked["hits"]), query)
                self.assertEqual(by_term.count(query)["count"], ranked["total"]["value"], query)

    def test_hits_are_in_document_order_and_say_so(self):
        index = self.make_index(docs=500, shards=1)
        with self.up_by_term(index, 2) as running:
            response = running.search("word0", "--size", 5, "--offset", 2)
            whole = running.search("word0", "--size", 7)
            self.assertFalse(response["ranked"])
            self.assertEqual(response["hits"], whole["hits"][2:])
            self.assertEqual({hit["score"] for hit in whole["hits"]}, {0})
            self.assertTrue(all(hit["id"] == f"doc-{hit['doc']}" for hit in whole["hits"]))
            people = cluster.run("canopy", "search", "--target", running.root, "--timeout", "20s", "word0")
            self.assertIn("not ranked", people.stdout)

    def test_a_term_always_goes_to_the_same_leaf(self):
        index = self.make_index(docs=500, shards=1)
        with self.up_by_term(index, 4) as running:
            asked = {tuple(attempt["address"] for attempt in running.search("word3", "--trace")["attempts"])
                     for _ in range(5)}
            self.assertEqual(len(asked), 1)
            terms = {running.search(f"word{i}", "--trace")["attempts"][0]["address"] for i in range(20)}
            self.assertGreater(len(terms), 1)

    def test_a_leaf_that_dies_costs_no_answer(self):
        index = self.make_index(docs=500, shards=1)
        with self.up(index, "--scatter", "term", "--replicas", 3, "--no-restart") as running:
            before = {query: running.count(query)["count"] for query in self.QUERIES}
            running.kill_leaf(running.leaf_addresses()[0])
            for query, count in before.items():
                self.assertEqual(running.count(query)["count"], count, query)

    def test_several_shards_are_refused(self):
        index = self.make_index(docs=100, shards=2)
        done = cluster.run("canopy", "up", "--index", index, "--scatter", "term", "--replicas", 2)
        self.assert_fails(done, 2, "the index has 2 shards.*build it with --shards 1")


if __name__ == "__main__":
    unittest.main()
