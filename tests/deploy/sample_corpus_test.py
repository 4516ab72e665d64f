"""deploy/sample_corpus.py joins package lists with their long descriptions."""

import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/sample_corpus.py")
sys.path.insert(0, os.path.dirname(SCRIPT))
import sample_corpus  # noqa: E402

PACKAGES = """Package: canopy
Version: 1.0
Description: roof of leaves
Description-md5: aa

Package: canopy
Version: 0.9
Description: an older one

Package: bare
Description: short only
"""
TRANSLATION = """Package: canopy
Description-md5: aa
Description-en: roof of leaves
 Much grows
 .
 above it.
"""


def lists(**files):
    """Stands in for lines_of, which needs apt: the lines of a list by the end of its name."""
    def lines_of(path):
        return files[path.rsplit("_", 1)[1].replace("-", "")].splitlines(keepends=True)
    return mock.patch.object(sample_corpus, "lines_of", lines_of)


class SampleCorpusTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def touch(self, *names):
        for name in names:
            open(os.path.join(self.folder, name), "w").close()

    def test_a_package_has_its_long_description_and_stands_once(self):
        self.touch("x_Packages", "x_Translation-en")
        with lists(Packages=PACKAGES, Translationen=TRANSLATION):
            found = list(sample_corpus.documents(sample_corpus.translations(self.folder),
                                                 sample_corpus.packages(self.folder)))
        self.assertEqual(found, [
            {"id": "canopy", "package": "canopy", "summary": "roof of leaves",
             "description": "Much grows\n\nabove it.", "version": "1.0"},
            {"id": "bare", "package": "bare", "summary": "short only"},
        ])

    def test_lists_without_long_descriptions_are_an_error(self):
        self.touch("x_Packages")
        with self.assertRaisesRegex(SystemExit, "Translation-en"):
            sample_corpus.translations(self.folder)

    def test_standard_input_is_utf8_in_any_locale(self):
        result = subprocess.run([sys.executable, "-B", SCRIPT, "--dumpavail"], input="Package: é\n".encode(),
                                env={"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
                                stdout=subprocess.PIPE, timeout=30, check=True)
        self.assertEqual(result.stdout.decode(), '{"id": "é", "package": "é"}\n')


if __name__ == "__main__":
    unittest.main()
