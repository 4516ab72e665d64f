// A corpus as plain data, the index that a build has to make of it computed the plainest way, and
// how to compare the two: the oracle of the indexer's tests. Shares nothing with indexer/ but the
// analyzer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "corpus/document_source.h"
#include "indexer/build_index.h"

namespace canopy {

using Corpus = std::vector<Document>;

struct CorpusShape {
  size_t docs = 100;
  size_t max_tokens = 60;  // of a document
  size_t vocabulary = 500;
};

// Documents with zero to five of five fields in any order, some of them empty, terms by Zipf's law
// (some of 255 bytes), ids that are names, numbers or nothing.
Corpus RandomCorpus(uint64_t seed, const CorpusShape& shape);

// Gives the documents of a corpus, in order. Lifetime: borrows it.
class CorpusSource final : public DocumentSource {
 public:
  explicit CorpusSource(const Corpus& corpus) : corpus_(corpus) {}

  absl::StatusOr<bool> Next(Document& document) override;
  uint64_t BytesRead() const override { return next_; }
  uint64_t BytesTotal() const override { return corpus_.size(); }

 private:
  const Corpus& corpus_;
  size_t next_ = 0;
};

// What an index of the corpus holds.
struct IndexModel {
  struct Term {
    std::map<uint64_t, std::vector<uint32_t>> positions;  // by document
    std::map<uint32_t, uint64_t> field_dfs;               // by field number
  };
  struct Field {
    std::string name;
    uint64_t docs = 0;
    uint64_t tokens = 0;
  };
  std::map<std::string, Term> terms;
  std::vector<Field> fields;  // by number
  uint64_t tokens = 0;
  uint64_t postings = 0;
  std::vector<uint32_t> lengths;  // by document
};

IndexModel MakeModel(const Corpus& corpus, const std::string& analyzer);

// OK when the current generation of `index` holds exactly the corpus; else an error that says what
// differs. With `stored`, all fields have to be stored.
absl::Status CompareIndex(FileSystem& files, const std::string& index, const Corpus& corpus,
                          bool stored);

// The bytes of the current generation's shard files, by name.
absl::StatusOr<std::map<std::string, std::string>> ReadShards(FileSystem& files,
                                                              const std::string& index);

}  // namespace canopy
