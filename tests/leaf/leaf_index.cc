#include "tests/leaf/leaf_index.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "indexer/build_index.h"
#include "shard/generation.h"

namespace canopy {
namespace {

constexpr uint32_t kVocabulary = 60;

class VectorSource final : public DocumentSource {
 public:
  explicit VectorSource(const std::vector<Document>& docs) : docs_(docs) {}

  absl::StatusOr<bool> Next(Document& document) override {
    if (next_ == docs_.size()) return false;
    document = docs_[next_++];
    return true;
  }
  uint64_t BytesRead() const override { return next_; }
  uint64_t BytesTotal() const override { return docs_.size(); }

 private:
  const std::vector<Document>& docs_;
  size_t next_ = 0;
};

std::string MakeText(std::mt19937_64& random, size_t words) {
  std::string text;
  for (size_t i = 0; i < words; ++i) {
    // The smaller of two draws: small numbers are more frequent.
    const uint64_t word = std::min(random() % kVocabulary, random() % kVocabulary);
    text += Concat(i == 0 ? "" : " ", "w", word);
  }
  return text;
}

void DamageMiddle(const std::string& path, uint64_t size_bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto at = static_cast<std::streamoff>(size_bytes / 2);
  file.seekg(at);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(at);
  file.put(byte);
  CHECK(file.good());
}

}  // namespace

std::vector<Document> MakeDocs(uint64_t seed, size_t count, const std::string& prefix) {
  std::mt19937_64 random(seed);
  std::vector<Document> docs;
  for (size_t i = 0; i < count; ++i) {
    Document doc;
    doc.id = Concat(prefix, "-", i);
    doc.fields = {{"title", MakeText(random, 1 + random() % 3)},
                  {"body", MakeText(random, 1 + random() % 20)}};
    docs.push_back(std::move(doc));
  }
  return docs;
}

NaiveOracle MakeOracle(const std::vector<Document>& docs) {
  std::vector<OracleDoc> oracle_docs;
  for (const Document& doc : docs) {
    OracleDoc& oracle_doc = oracle_docs.emplace_back();
    for (const auto& [name, text] : doc.fields) {
      oracle_doc.fields.emplace_back(name, absl::StrSplit(text, ' '));
    }
  }
  return NaiveOracle(std::move(oracle_docs));
}

uint64_t PublishIndex(const std::string& directory, const std::vector<Document>& docs,
                      uint32_t num_shards) {
  BuildOptions options;
  options.output = directory;
  options.num_shards = num_shards;
  options.analyzer = "ascii";
  options.threads = 1;
  VectorSource source(docs);
  const auto summary = BuildIndexFrom(source, options);
  CHECK(summary.ok());
  return summary->generation;
}

std::shared_ptr<v1::SearchRequest> AnyOfWords(const std::vector<std::string>& words,
                                              const std::vector<uint32_t>& shards, uint32_t k) {
  auto request = std::make_shared<v1::SearchRequest>();
  v1::BooleanQuery& boolean = *request->mutable_query()->mutable_boolean();
  for (const std::string& word : words) boolean.add_should()->mutable_term()->set_text(word);
  for (const uint32_t shard : shards) request->add_shards(shard);
  request->set_k(k);
  return request;
}

std::string DamageShard(const std::string& directory, uint32_t shard) {
  const auto generation = ReadCurrentGeneration(LocalFileSystem(), directory);
  CHECK(generation.ok());
  const GenerationInfo::Shard& damaged = generation->shards[shard];
  const std::string path = generation->PathOf(damaged);
  DamageMiddle(path, damaged.size_bytes);
  return path;
}

std::string DamageTermBounds(const std::string& directory) {
  const auto generation = ReadCurrentGeneration(LocalFileSystem(), directory);
  CHECK(generation.ok());
  const std::string path = Concat(generation->directory, "/", generation->term_bounds->file);
  DamageMiddle(path, generation->term_bounds->size_bytes);
  return path;
}

}  // namespace canopy
