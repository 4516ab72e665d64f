// Merges sorted runs, in memory or on disk, term by term; a term's postings come out in the order
// of documents, however they are spread over the runs. Both the reduction of runs and the final
// join go by it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/file_system.h"
#include "indexer/memory_run.h"
#include "indexer/posting_stream.h"
#include "indexer/run_file.h"

namespace canopy {

// A run to be read. Lifetime: borrows the run.
using RunSource = std::variant<const MemoryRun*, const RunFile*>;

// Terms from `begin` (empty: the first) up to, but not including, `end` (unset: to the last).
struct TermRange {
  std::string begin;
  std::optional<std::string> end;
};

// One run as the merge reads it.
// Thread safety: none; many cursors may read one run. Lifetime: borrows the file system and the
// run.
class RunCursor final {
 public:
  RunCursor(FileSystem& files, RunSource source);

  // To the first term that is not below `term`. False: there is none.
  absl::StatusOr<bool> Seek(std::string_view term);
  // To the next term. False: there is none.
  absl::StatusOr<bool> Next();

  // Of the term the cursor is at, until it moves.
  uint64_t prefix() const { return prefix_; }
  std::string_view term() const { return term_; }
  void AppendFieldDfs(FieldDfs& dfs) const;
  void ReadPostings(std::string& bytes) const;

 private:
  bool ReadMemoryTerm();

  const MemoryRun* memory_ = nullptr;
  uint32_t index_ = 0;
  std::optional<RunFileReader> reader_;
  uint64_t prefix_ = 0;
  std::string_view term_;
};

// Thread safety: none. Lifetime: borrows the file system and the runs.
class TermMerger final {
 public:
  TermMerger(FileSystem& files, absl::Span<const RunSource> sources);

  // REQUIRES: called once, before Next.
  absl::Status Start(const TermRange& range);
  // To the next term of the range. False at its end; then the merger is used up.
  absl::StatusOr<bool> Next();

  // Of the current term, until Next.
  std::string_view term() const { return cursors_[current_[0]].term(); }
  // Sums over the runs.
  void ReadFieldDfs(FieldDfs& dfs);
  // Reads the postings of the current term. Call before what follows.
  void ReadPostings();
  // What the postings' streams take in all; more than their positions do.
  size_t postings_bytes() const { return postings_bytes_; }
  // The posting stream of a term that stands in one run only; unset when there are several.
  std::optional<std::string_view> SingleStream() const;
  // Calls visit(const Posting&) in the order of documents. 16 bytes after the positions are
  // readable.
  template <typename Visit>
  void ForEachPosting(Visit&& visit);

 private:
  static constexpr size_t kPadding = 16;  // zeros after a stream's bytes

  struct Input {
    PostingStream stream;
    Posting posting;
  };

  bool FindCurrent();

  std::vector<RunCursor> cursors_;
  std::vector<uint64_t> prefixes_;  // of the cursors' terms
  std::vector<size_t> live_;        // cursors that are at a term
  std::vector<size_t> current_;     // those of them that are at the smallest one
  std::optional<std::string> end_;
  std::vector<std::string> postings_;  // one for each of current_
  size_t postings_bytes_ = 0;
  std::vector<Input> inputs_;  // of ForEachPosting
};

template <typename Visit>
void TermMerger::ForEachPosting(Visit&& visit) {
  std::vector<Input>& inputs = inputs_;
  inputs.clear();
  for (size_t i = 0; i < current_.size(); ++i) {
    const std::string& bytes = postings_[i];
    Input input{
        PostingStream(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size() - kPadding), {}};
    if (input.stream.Next(input.posting)) inputs.push_back(input);
  }
  // Runs hold whole batches of documents, so long stretches come from one of them.
  while (inputs.size() > 1) {
    size_t first = 0;
    for (size_t i = 1; i < inputs.size(); ++i) {
      if (inputs[i].posting.doc < inputs[first].posting.doc) first = i;
    }
    uint64_t limit = UINT64_MAX;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (i != first && inputs[i].posting.doc < limit) limit = inputs[i].posting.doc;
    }
    Input& input = inputs[first];
    CHECK(input.posting.doc < limit);  // no document is in two runs
    bool more = true;
    while (more && input.posting.doc < limit) {
      visit(static_cast<const Posting&>(input.posting));
      more = input.stream.Next(input.posting);
    }
    if (!more) {
      inputs[first] = inputs.back();
      inputs.pop_back();
    }
  }
  for (Input& input : inputs) {
    do {
      visit(static_cast<const Posting&>(input.posting));
    } while (input.stream.Next(input.posting));
  }
}

}  // namespace canopy
