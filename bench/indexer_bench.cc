// Speed of the parts of a build and of whole builds over synthetic documents (fixed seed):
// inversion in memory, spilling, merging runs from disk, and everything from documents to a
// published generation.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "corpus/synthetic.h"
#include "indexer/build_index.h"
#include "indexer/memory_run.h"
#include "indexer/run_reducer.h"
#include "indexer/term_merger.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

// 20,000 documents of about 120 terms, a vocabulary that no cache holds.
SyntheticOptions CorpusOptions() {
  SyntheticOptions options;
  options.docs = 20'000;
  options.seed = 42;
  options.vocabulary = 1 << 20;
  return options;
}

// Its documents, made once.
const std::vector<Document>& Documents() {
  static const std::vector<Document> documents = [] {
    std::vector<Document> made;
    SyntheticSource source(CorpusOptions());
    for (Document document; *source.Next(document);) made.push_back(document);
    return made;
  }();
  return documents;
}

class DocumentsSource final : public DocumentSource {
 public:
  absl::StatusOr<bool> Next(Document& document) override {
    if (next_ == Documents().size()) return false;
    document = Documents()[next_++];
    return true;
  }
  uint64_t BytesRead() const override { return next_; }
  uint64_t BytesTotal() const override { return Documents().size(); }

 private:
  size_t next_ = 0;
};

// Their terms, analyzed once.
struct TermCorpus {
  std::string text;
  std::vector<std::pair<uint32_t, uint32_t>> terms;  // offset and size in `text`
  std::vector<size_t> docs;                          // index of the first term; one more at the end

  std::string_view term(size_t index) const {
    return std::string_view(text).substr(terms[index].first, terms[index].second);
  }
};

const TermCorpus& Terms() {
  static const TermCorpus corpus = [] {
    TermCorpus made;
    const std::unique_ptr<Analyzer> analyzer = *Analyzer::Create("ascii");
    for (const Document& document : Documents()) {
      made.docs.push_back(made.terms.size());
      for (const auto& [name, value] : document.fields) {
        analyzer->Analyze(value, [&](std::string_view term) {
          made.terms.emplace_back(made.text.size(), term.size());
          made.text.append(term);
        });
      }
    }
    made.docs.push_back(made.terms.size());
    return made;
  }();
  return corpus;
}

void Invert(MemoryRun& run, size_t first_doc, size_t step) {
  const TermCorpus& corpus = Terms();
  for (size_t doc = first_doc; doc + 1 < corpus.docs.size(); doc += step) {
    run.BeginDocument(static_cast<uint32_t>(doc));
    run.BeginField(0);
    for (size_t i = corpus.docs[doc]; i < corpus.docs[doc + 1]; ++i) run.AddTerm(corpus.term(i));
  }
  CHECK(run.Flush().ok());
}

// Runs over every `count`-th document each, sorted.
std::vector<std::unique_ptr<MemoryRun>> MakeRuns(size_t count) {
  std::vector<std::unique_ptr<MemoryRun>> runs;
  for (size_t i = 0; i < count; ++i) {
    runs.push_back(*MemoryRun::Create());
    Invert(*runs.back(), i, count);
    runs.back()->Sort();
  }
  return runs;
}

// A directory in the system's place for temporary files, removed at the end.
class ScratchDirectory final {
 public:
  ScratchDirectory()
      : path_(Concat(std::filesystem::temp_directory_path().string(), "/canopy-bench-", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  std::string File(std::string_view name) const { return Concat(path_, "/", name); }

 private:
  const std::string path_;
};

void CountTerms(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * Terms().terms.size()));
}

void BM_Invert(benchmark::State& state) {
  const std::unique_ptr<MemoryRun> run = *MemoryRun::Create();
  Terms();
  for (auto _ : state) {
    Invert(*run, 0, 1);
    run->Clear();
  }
  CountTerms(state);
}
BENCHMARK(BM_Invert)->Unit(benchmark::kMillisecond);

void BM_SortRun(benchmark::State& state) {
  const auto runs = MakeRuns(1);
  for (auto _ : state) runs[0]->Sort();
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * runs[0]->num_terms()));
}
BENCHMARK(BM_SortRun)->Unit(benchmark::kMillisecond);

void BM_SpillRun(benchmark::State& state) {
  const ScratchDirectory scratch;
  const auto runs = MakeRuns(1);
  for (auto _ : state) {
    CHECK(WriteRun(LocalFileSystem(), {runs[0].get()}, scratch.File("run")).ok());
  }
  CountTerms(state);
}
BENCHMARK(BM_SpillRun)->Unit(benchmark::kMillisecond);

// Reads all postings of so many runs in the order of terms and documents.
void BM_MergeRuns(benchmark::State& state) {
  const ScratchDirectory scratch;
  const auto runs = MakeRuns(static_cast<size_t>(state.range(0)));
  const bool on_disk = state.range(1) != 0;
  std::vector<RunFile> files;
  for (size_t i = 0; i < runs.size(); ++i) {
    files.push_back(*WriteRun(LocalFileSystem(), {runs[i].get()}, scratch.File(Concat("run-", i))));
  }
  std::vector<RunSource> sources;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (on_disk) {
      sources.emplace_back(&files[i]);
    } else {
      sources.emplace_back(runs[i].get());
    }
  }
  for (auto _ : state) {
    TermMerger merger(LocalFileSystem(), sources);
    CHECK(merger.Start({}).ok());
    uint64_t tokens = 0;
    while (*merger.Next()) {
      merger.ReadPostings();
      merger.ForEachPosting([&](const Posting& posting) { tokens += posting.tf; });
    }
    CHECK(tokens == Terms().terms.size());
  }
  CountTerms(state);
}
BENCHMARK(BM_MergeRuns)
    ->ArgNames({"runs", "on_disk"})
    ->ArgsProduct({{1, 2, 16}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

// From documents to a published generation.
void BM_Build(benchmark::State& state) {
  const ScratchDirectory scratch;
  BuildOptions options;
  options.output = scratch.File("index");
  options.analyzer = "ascii";
  options.threads = static_cast<size_t>(state.range(0));
  options.num_shards = static_cast<uint32_t>(state.range(1));
  uint64_t bytes = 0;
  Documents();
  for (auto _ : state) {
    DocumentsSource source;
    const absl::StatusOr<BuildSummary> summary = BuildIndexFrom(source, options);
    CHECK(summary.ok());
    bytes += summary->input_bytes;
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_Build)
    ->ArgNames({"threads", "shards"})
    ->ArgsProduct({{1, 2}, {1, 4}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace canopy
