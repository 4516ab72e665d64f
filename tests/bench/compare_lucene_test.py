"""The checks of bench/compare_lucene.py find what is wrong, and the page is rewritten in place."""

import os
import statistics
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench"))
import compare_lucene  # noqa: E402
import write_benchmarks  # noqa: E402


class ScoresTest(unittest.TestCase):
    LUCENE = {"a b": [(7, 3.0), (2, 2.5), (9, 2.5), (4, 1.0)]}

    def wrong(self, ours):
        return compare_lucene.check_scores({"a b": ours}, self.LUCENE, {"a b": 4})[0]

    def test_the_same_is_right(self):
        self.assertEqual(self.wrong([(7, 3.0), (2, 2.5), (9, 2.5), (4, 1.0)]), [])

    def test_rounding_is_right_and_reported(self):
        wrong, largest = compare_lucene.check_scores({"a b": [(7, 3.0 + 6e-6), (2, 2.5), (9, 2.5), (4, 1.0)]}, self.LUCENE,
                                                     {"a b": 4})
        self.assertEqual(wrong, [])
        self.assertAlmostEqual(largest, 2e-6, delta=1e-8)

    def test_another_score_is_wrong(self):
        self.assertEqual(len(self.wrong([(7, 3.001), (2, 2.5), (9, 2.5), (4, 1.0)])), 1)

    def test_another_document_is_wrong(self):
        self.assertEqual(len(self.wrong([(8, 3.0), (2, 2.5), (9, 2.5), (4, 1.0)])), 1)

    def test_documents_that_differ_by_rounding_may_change_places(self):
        self.assertEqual(self.wrong([(7, 3.0), (9, 2.500001), (2, 2.5), (4, 1.0)]), [])

    def test_ties_go_by_document(self):
        self.assertEqual(len(self.wrong([(7, 3.0), (9, 2.5), (2, 2.5), (4, 1.0)])), 1)

    def test_a_document_cut_off_among_equals_is_right(self):
        self.assertEqual(self.wrong([(7, 3.0), (2, 2.5), (9, 2.5), (3, 1.0)]), [])

    def test_a_missing_hit_is_wrong(self):
        self.assertEqual(len(self.wrong([(7, 3.0), (2, 2.5), (9, 2.5)])), 1)


class CountsTest(unittest.TestCase):
    def rows(self, count, top_10, top_10_count):
        return {("COUNT", "a"): ("term", count, 1.0, 1.0), ("TOP_10", "a"): ("term", top_10, 1.0, 1.0),
                ("TOP_10_COUNT", "a"): ("term", top_10_count, 1.0, 1.0)}

    def test_counts_must_be_the_oracles(self):
        self.assertEqual(compare_lucene.check_counts("Canopy", self.rows(12, 10, 12), {"a": 12}), [])
        self.assertEqual(len(compare_lucene.check_counts("Canopy", self.rows(11, 10, 13), {"a": 12})), 2)
        self.assertEqual(len(compare_lucene.check_counts("Canopy", self.rows(3, 2, 3), {"a": 3})), 1)

    def test_every_query_must_be_answered(self):
        self.assertEqual(len(compare_lucene.check_counts("Canopy", self.rows(12, 10, 12), {"a": 12, "b": 1})), 1)


class SummaryTest(unittest.TestCase):
    def test_a_query_counts_with_its_median_over_the_rounds(self):
        rounds = [{("COUNT", "a"): ("term", 1, 0.0, us), ("COUNT", "b"): ("term", 1, 0.0, us + 10)} for us in (1, 3, 200)]
        self.assertEqual(compare_lucene.summarize(rounds, compare_lucene.MEDIAN, statistics.median)["COUNT"]["term"],
                         {"queries": 2, "mean_us": 8, "p50_us": 13, "p99_us": 13})


class PageTest(unittest.TestCase):
    def test_a_section_replaces_only_itself(self):
        page = write_benchmarks.replace("# Page\n", "lucene", "small", "one\n")
        page = write_benchmarks.replace(page, "lucene", "large", "two\n")
        again = write_benchmarks.replace(page, "lucene", "small", "three\n")
        self.assertEqual(again, page.replace("one", "three"))
        self.assertEqual(again.count("<!-- begin lucene"), 2)

    def test_the_ways_to_scatter_have_markers_of_their_own(self):
        page = write_benchmarks.replace("# Page\n", "lucene", "small", "one\n")
        page = write_benchmarks.replace(page, "scatter", "small", "two\n")
        self.assertIn("<!-- begin lucene small -->\none\n", page)
        self.assertIn("<!-- begin scatter small -->\ntwo\n", page)


class ScatterTest(unittest.TestCase):
    @staticmethod
    def row(name, document_us, term_us):
        figures = [{"mean_us": us, "p50_us": us, "p99_us": us, "bytes": 100} for us in (document_us, term_us)]
        return {"command": "COUNT", "class": name, "queries": 2, "matches": 5, "document": figures[0], "term": figures[1]}

    def test_the_summary_names_the_classes_of_the_way_that_is_faster_less_often(self):
        summary = write_benchmarks.scatter_summary({"rows": [self.row("a", 10, 20), self.row("b", 10, 30), self.row("c", 9, 3)]})
        self.assertEqual(summary, "Of 3 classes 2 are faster by document and 1 by term. By term: COUNT c.")

    def test_the_table_has_the_ratio_of_the_means(self):
        self.assertIn("| COUNT a | 5.00 | 10.0 | 20.0 | 10.0 | 20.0 | 100 | 100 | 2.00x |",
                      write_benchmarks.scatter_table({"rows": [self.row("a", 10, 20)]}))


if __name__ == "__main__":
    unittest.main()
