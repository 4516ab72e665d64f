#include "indexer/term_merger.h"

#include <algorithm>

#include "base/status.h"

namespace canopy {
namespace {

// How many terms ahead a run in memory is fetched into the cache.
constexpr uint32_t kPrefetchTerms = 8;

}  // namespace

RunCursor::RunCursor(FileSystem& files, RunSource source) {
  if (const auto* memory = std::get_if<const MemoryRun*>(&source)) {
    memory_ = *memory;
  } else {
    reader_.emplace(files, *std::get<const RunFile*>(source));
  }
}

absl::StatusOr<bool> RunCursor::Seek(std::string_view term) {
  if (memory_ != nullptr) {
    index_ = memory_->LowerBound(term);
    return ReadMemoryTerm();
  }
  RETURN_IF_ERROR(reader_->Seek(term));
  return Next();
}

absl::StatusOr<bool> RunCursor::Next() {
  if (memory_ != nullptr) {
    ++index_;
    return ReadMemoryTerm();
  }
  ASSIGN_OR_RETURN(const bool found, reader_->Next());
  if (!found) return false;
  term_ = reader_->term();
  prefix_ = TermPrefix(term_);
  return true;
}

bool RunCursor::ReadMemoryTerm() {
  if (index_ >= memory_->num_terms()) return false;
  memory_->Prefetch(index_ + kPrefetchTerms);
  term_ = memory_->term(index_);
  prefix_ = memory_->prefix(index_);
  return true;
}

void RunCursor::AppendFieldDfs(FieldDfs& dfs) const {
  if (memory_ != nullptr) {
    memory_->AppendFieldDfs(index_, dfs);
  } else {
    dfs.insert(dfs.end(), reader_->field_dfs().begin(), reader_->field_dfs().end());
  }
}

void RunCursor::ReadPostings(std::string& bytes) const {
  bytes.clear();
  if (memory_ != nullptr) {
    memory_->AppendPostings(index_, bytes);
  } else {
    bytes.append(reader_->postings());
  }
}

TermMerger::TermMerger(FileSystem& files, absl::Span<const RunSource> sources) {
  cursors_.reserve(sources.size());
  for (const RunSource& source : sources) cursors_.emplace_back(files, source);
  prefixes_.resize(sources.size());
}

absl::Status TermMerger::Start(const TermRange& range) {
  end_ = range.end;
  for (size_t i = 0; i < cursors_.size(); ++i) {
    ASSIGN_OR_RETURN(const bool found, cursors_[i].Seek(range.begin));
    if (!found) continue;
    prefixes_[i] = cursors_[i].prefix();
    live_.push_back(i);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TermMerger::Next() {
  for (const size_t i : current_) {
    ASSIGN_OR_RETURN(const bool found, cursors_[i].Next());
    if (found) {
      prefixes_[i] = cursors_[i].prefix();
    } else {
      live_.erase(std::find(live_.begin(), live_.end(), i));
    }
  }
  return FindCurrent();
}

bool TermMerger::FindCurrent() {
  current_.clear();
  for (const size_t i : live_) {
    if (!current_.empty()) {
      const size_t best = current_[0];
      if (prefixes_[i] > prefixes_[best]) continue;
      const int order =
          prefixes_[i] < prefixes_[best] ? -1 : cursors_[i].term().compare(cursors_[best].term());
      if (order > 0) continue;
      if (order < 0) current_.clear();
    }
    current_.push_back(i);
  }
  return !current_.empty() && (!end_.has_value() || term() < *end_);
}

void TermMerger::ReadFieldDfs(FieldDfs& dfs) {
  dfs.clear();
  for (const size_t i : current_) cursors_[i].AppendFieldDfs(dfs);
  if (dfs.size() == 1) return;
  std::sort(dfs.begin(), dfs.end());
  size_t last = 0;
  for (size_t i = 1; i < dfs.size(); ++i) {
    if (dfs[i].first == dfs[last].first) {
      dfs[last].second += dfs[i].second;
    } else {
      dfs[++last] = dfs[i];
    }
  }
  dfs.resize(last + 1);
}

void TermMerger::ReadPostings() {
  if (postings_.size() < current_.size()) postings_.resize(current_.size());
  postings_bytes_ = 0;
  for (size_t i = 0; i < current_.size(); ++i) {
    cursors_[current_[i]].ReadPostings(postings_[i]);
    postings_bytes_ += postings_[i].size();
    postings_[i].append(kPadding, '\0');
  }
}

std::optional<std::string_view> TermMerger::SingleStream() const {
  if (current_.size() != 1) return std::nullopt;
  return std::string_view(postings_[0]).substr(0, postings_bytes_);
}

}  // namespace canopy
