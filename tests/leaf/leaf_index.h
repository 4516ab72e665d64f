// A small index for the leaf's tests, with what every query has to find in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "corpus/document_source.h"
#include "rpc/search_backend.h"
#include "tests/support/naive_oracle.h"

namespace canopy {

// Documents of words "w0", "w1", ... in the fields title and body; a smaller number is a more
// frequent word. Document d has the external id "doc-<d>", or, when `prefix` is given,
// "<prefix>-<d>".
std::vector<Document> MakeDocs(uint64_t seed, size_t count, const std::string& prefix = "doc");

NaiveOracle MakeOracle(const std::vector<Document>& docs);

// Builds and publishes the next generation in `directory`. Returns its number.
uint64_t PublishIndex(const std::string& directory, const std::vector<Document>& docs,
                      uint32_t num_shards);

// "w1 w2" -> a request for documents with any of the words, of all `shards`.
std::shared_ptr<v1::SearchRequest> AnyOfWords(const std::vector<std::string>& words,
                                              const std::vector<uint32_t>& shards, uint32_t k = 10);

// Changes one byte in the middle of the current generation's file of `shard`. Returns the file's
// path.
std::string DamageShard(const std::string& directory, uint32_t shard);
// The same with its file of term bounds.
std::string DamageTermBounds(const std::string& directory);

}  // namespace canopy
