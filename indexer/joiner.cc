#include "indexer/joiner.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/thread_pool.h"
#include "indexer/ordered_stage.h"

namespace canopy {
namespace {

// How many ranges may be finished or worked on before the oldest is written, for each thread.
constexpr size_t kRangesAhead = 2;

// The postings of one term in one shard, gathered until all of them are known.
class ShardPostings final {
 public:
  void Reserve(size_t positions_bytes) { positions_.resize(positions_bytes + kSlack); }
  void Clear() {
    docs_.clear();
    tfs_.clear();
    positions_size_ = 0;
  }
  bool empty() const { return docs_.empty(); }

  void Add(LocalDoc doc, const Posting& posting) {
    docs_.push_back(doc);
    tfs_.push_back(posting.tf);
    const size_t size = posting.positions_size();
    if (positions_.size() < positions_size_ + size + kSlack) {
      positions_.resize(2 * (positions_size_ + size + kSlack));
    }
    char* out = positions_.data() + positions_size_;
    // Most postings have a few bytes: those that follow are readable too.
    if (size <= kSlack) {
      std::memcpy(out, posting.positions, kSlack);
    } else {
      std::memcpy(out, posting.positions, size);
    }
    positions_size_ += size;
  }

  absl::Span<const LocalDoc> docs() const { return docs_; }
  absl::Span<const TermFrequency> tfs() const { return tfs_; }
  std::string_view positions() const { return {positions_.data(), positions_size_}; }

 private:
  static constexpr size_t kSlack = 16;

  std::vector<LocalDoc> docs_;
  std::vector<TermFrequency> tfs_;
  std::string positions_;
  size_t positions_size_ = 0;
};

// One range, encoded.
struct EncodedRange {
  std::vector<EncodedTerms> shards;
  EncodedTermBounds bounds;
};

// Thread safety: one thread.
class RangeEncoder final {
 public:
  RangeEncoder(FileSystem& files, absl::Span<const RunSource> sources, const JoinOutput& output,
               const JoinOptions& options)
      : files_(files),
        sources_(sources),
        writers_(output.shards),
        options_(options),
        shards_(writers_.size()),
        bounds_(writers_.size()) {}

  absl::StatusOr<EncodedRange> Encode(const TermRange& range) {
    EncodedRange encoded{{}, EncodedTermBounds(static_cast<uint32_t>(writers_.size()))};
    encoded.shards.reserve(writers_.size());
    for (const auto& writer : writers_) {
      encoded.shards.emplace_back(writer->length_codes(), options_.stats->AverageLength(),
                                  options_.stats->k1, options_.stats->b);
    }
    TermMerger merger(files_, sources_);
    RETURN_IF_ERROR(merger.Start(range));
    while (true) {
      ASSIGN_OR_RETURN(const bool found, merger.Next());
      if (!found) return encoded;
      EncodeTerm(merger, encoded);
    }
  }

  const JoinSummary& summary() const { return summary_; }

 private:
  void EncodeTerm(TermMerger& merger, EncodedRange& encoded) {
    merger.ReadFieldDfs(field_dfs_);
    merger.ReadPostings();
    uint64_t global_df = 0;
    if (shards_.size() == 1) {
      merger.ForEachPosting([&](const Posting& posting) { shards_[0].Add(posting.doc, posting); });
      global_df = shards_[0].docs().size();
      touched_.push_back(0);
    } else {
      const auto num_shards = static_cast<uint32_t>(shards_.size());
      merger.ForEachPosting([&](const Posting& posting) {
        const uint32_t shard = posting.doc % num_shards;
        if (shards_[shard].empty()) touched_.push_back(shard);
        shards_[shard].Add(posting.doc / num_shards, posting);
        ++global_df;
      });
    }
    ++summary_.terms;
    summary_.postings += global_df;
    for (const uint32_t i : touched_) {
      bounds_[i] = encoded.shards[i].Add({.term = merger.term(),
                                          .global_df = global_df,
                                          .global_field_df = field_dfs_,
                                          .docs = shards_[i].docs(),
                                          .tfs = shards_[i].tfs(),
                                          .positions = shards_[i].positions()});
      shards_[i].Clear();
    }
    encoded.bounds.Add(
        {.term = merger.term(), .global_df = global_df, .shards = touched_, .bounds = bounds_});
    for (const uint32_t i : touched_) bounds_[i] = 0;
    touched_.clear();
  }

  FileSystem& files_;
  const absl::Span<const RunSource> sources_;
  const absl::Span<const std::unique_ptr<ShardWriter>> writers_;
  const JoinOptions& options_;
  std::vector<ShardPostings> shards_;
  std::vector<uint32_t> touched_;  // shards that hold the term at hand
  std::vector<uint8_t> bounds_;    // of the term at hand, by shard; 0 between terms
  FieldDfs field_dfs_;
  JoinSummary summary_;
};

absl::Status AppendRange(const JoinOutput& output, EncodedRange range) {
  for (size_t i = 0; i < output.shards.size(); ++i) {
    RETURN_IF_ERROR(output.shards[i]->AddTerms(std::move(range.shards[i])));
  }
  return output.bounds->Add(std::move(range.bounds));
}

// Works on ranges until none is left.
absl::Status EncodeRanges(absl::Span<const TermRange> ranges, std::atomic<size_t>& next,
                          RangeEncoder& encoder, OrderedStage<EncodedRange>& stage) {
  while (true) {
    const size_t number = next.fetch_add(1);
    if (number >= ranges.size()) return absl::OkStatus();
    RETURN_IF_ERROR(stage.WaitForRoom(number));
    absl::StatusOr<EncodedRange> encoded = encoder.Encode(ranges[number]);
    if (!encoded.ok()) {
      stage.Fail(encoded.status());
      return encoded.status();
    }
    RETURN_IF_ERROR(stage.Put(number, *std::move(encoded)));
  }
}

}  // namespace

std::vector<TermRange> PlanRanges(absl::Span<const RunSource> sources, size_t range_bytes) {
  // Every sample stands for about as many bytes of its run.
  std::vector<std::string_view> samples;
  for (const RunSource& source : sources) {
    if (const auto* memory = std::get_if<const MemoryRun*>(&source)) {
      samples.insert(samples.end(), (*memory)->samples().begin(), (*memory)->samples().end());
    } else {
      for (const RunFile::Mark& mark : std::get<const RunFile*>(source)->marks) {
        samples.push_back(mark.term);
      }
    }
  }
  static_assert(MemoryRun::kSampleBytes == kRunFrameBytes);
  std::sort(samples.begin(), samples.end());
  const size_t step = std::max<size_t>(1, range_bytes / kRunFrameBytes);
  std::vector<TermRange> ranges(1);
  for (size_t i = step; i < samples.size(); i += step) {
    if (samples[i] <= ranges.back().begin) continue;
    ranges.back().end = samples[i];
    ranges.push_back({.begin = std::string(samples[i]), .end = std::nullopt});
  }
  return ranges;
}

absl::StatusOr<JoinSummary> JoinRuns(FileSystem& files, absl::Span<const RunSource> sources,
                                     const JoinOutput& output, const JoinOptions& options) {
  const std::vector<TermRange> ranges = PlanRanges(sources, options.range_bytes);
  uint64_t written = 0;
  OrderedStage<EncodedRange> stage(kRangesAhead * options.threads,
                                   [&](EncodedRange range) -> absl::Status {
                                     RETURN_IF_ERROR(AppendRange(output, std::move(range)));
                                     if (options.progress)
                                       options.progress(++written, ranges.size());
                                     return absl::OkStatus();
                                   });
  std::vector<RangeEncoder> encoders(options.threads,
                                     RangeEncoder(files, sources, output, options));
  std::atomic<size_t> next{0};
  RETURN_IF_ERROR(ParallelFor(options.threads, options.threads, [&](size_t i) {
    return EncodeRanges(ranges, next, encoders[i], stage);
  }));
  RETURN_IF_ERROR(stage.status());
  JoinSummary summary;
  for (const RangeEncoder& encoder : encoders) {
    summary.terms += encoder.summary().terms;
    summary.postings += encoder.summary().postings;
  }
  return summary;
}

}  // namespace canopy
