#include "tests/indexer/build_model.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <set>

#include "base/status.h"
#include "base/strings.h"
#include "base/types.h"
#include "shard/check_shard.h"
#include "shard/generation.h"
#include "shard/length_code.h"
#include "shard/shard_file.h"
#include "text/analyzer.h"

namespace canopy {
namespace {

const std::vector<std::string>& FieldNames() {
  static const std::vector<std::string> names = {"title", "body", "tags", "author", "note"};
  return names;
}

std::string Word(uint64_t number) {
  if (number % 97 == 13) return std::string(255, 'x') + std::to_string(number);  // is cut
  if (number % 41 == 7) return std::string(200, 'y') + std::to_string(number);
  std::string word;
  do {
    word.push_back(static_cast<char>('a' + number % 26));
    number /= 26;
  } while (number > 0);
  return word;
}

absl::Status Differs(std::string_view what) {
  return absl::FailedPreconditionError(Concat("index and model differ: ", what));
}

std::vector<LocalDoc> DocsOf(const PostingList& postings) {
  std::vector<LocalDoc> docs;
  for (const ContainerView& container : postings.containers()) {
    const uint32_t base = uint32_t{container.chunk} << 16;
    for (uint32_t i = 0; container.array != nullptr && i < container.cardinality; ++i) {
      docs.push_back(base + container.array[i]);
    }
    for (uint32_t i = 0; container.array == nullptr && i < kChunkDocs; ++i) {
      if ((container.bitset[i / 64] >> (i % 64) & 1) != 0) docs.push_back(base + i);
    }
  }
  return docs;
}

// What one shard holds, put back into the model's form.
class ShardReader {
 public:
  ShardReader(const ShardFile& shard, const IndexModel& model) : shard_(shard), model_(model) {}

  absl::Status ReadTerms(std::map<std::string, IndexModel::Term>& terms) const {
    TermCursor cursor(shard_.dictionary());
    while (true) {
      ASSIGN_OR_RETURN(const bool found, cursor.Next());
      if (!found) return absl::OkStatus();
      RETURN_IF_ERROR(ReadTerm(cursor.term(), cursor.info(), terms[cursor.term()]));
    }
  }

 private:
  absl::Status ReadTerm(const std::string& term, const TermInfo& info,
                        IndexModel::Term& out) const {
    const auto expected = model_.terms.find(term);
    if (expected == model_.terms.end()) return Differs(Concat("unexpected term ", term));
    if (info.global_df != expected->second.positions.size()) {
      return Differs(Concat("global df of ", term, ": ", info.global_df));
    }
    for (uint32_t field = 0; field < model_.fields.size(); ++field) {
      ASSIGN_OR_RETURN(const uint64_t df, shard_.GlobalFieldDf(info, field));
      if (df != 0) out.field_dfs[field] = df;
    }
    ASSIGN_OR_RETURN(const PostingList postings, shard_.Postings(info));
    ASSIGN_OR_RETURN(PositionReader positions, shard_.Positions(info, postings));
    uint32_t rank = 0;
    for (const LocalDoc local : DocsOf(postings)) {
      const uint64_t doc = GlobalDoc({shard_.shard(), local}, shard_.stats().num_shards);
      RETURN_IF_ERROR(positions.Read(rank, postings.frequencies().At(rank), out.positions[doc]));
      ++rank;
    }
    return absl::OkStatus();
  }

  const ShardFile& shard_;
  const IndexModel& model_;
};

absl::Status CompareDocuments(const ShardFile& shard, const Corpus& corpus, const IndexModel& model,
                              bool stored) {
  for (LocalDoc local = 0; local < shard.docs(); ++local) {
    const uint64_t doc = GlobalDoc({shard.shard(), local}, shard.stats().num_shards);
    const std::string where = Concat("document ", doc, ": ");
    if (shard.length_codes()[local] != EncodeLength(model.lengths[doc])) {
      return Differs(where + "length");
    }
    ASSIGN_OR_RETURN(const std::string id, shard.ExternalId(local));
    if (id != (corpus[doc].id.empty() ? std::to_string(doc) : corpus[doc].id)) {
      return Differs(where + "id " + id);
    }
    ASSIGN_OR_RETURN(const auto fields, shard.StoredFields(local));
    if (fields != (stored ? corpus[doc].fields : decltype(fields){})) {
      return Differs(where + "stored fields");
    }
  }
  return absl::OkStatus();
}

absl::Status CompareStats(const CollectionStats& stats, const IndexModel& model) {
  if (stats.docs != model.lengths.size()) return Differs("documents");
  if (stats.tokens != model.tokens) return Differs("tokens");
  if (stats.fields.size() != model.fields.size()) return Differs("number of fields");
  for (size_t i = 0; i < model.fields.size(); ++i) {
    const auto& field = stats.fields[i];
    const auto& expected = model.fields[i];
    if (field.name != expected.name || field.docs != expected.docs ||
        field.tokens != expected.tokens) {
      return Differs(Concat("field ", field.name));
    }
  }
  std::vector<uint64_t> histogram(256);
  for (const uint32_t length : model.lengths) ++histogram[EncodeLength(length)];
  if (stats.length_histogram != histogram) return Differs("length histogram");
  return absl::OkStatus();
}

absl::Status CompareTerms(const std::map<std::string, IndexModel::Term>& terms,
                          const IndexModel& model) {
  if (terms.size() != model.terms.size()) return Differs(Concat(terms.size(), " terms"));
  for (const auto& [term, expected] : model.terms) {
    const IndexModel::Term& found = terms.at(term);
    if (found.positions != expected.positions) return Differs("postings of " + term);
    if (found.field_dfs != expected.field_dfs) return Differs("dfs by field of " + term);
  }
  return absl::OkStatus();
}

}  // namespace

Corpus RandomCorpus(uint64_t seed, const CorpusShape& shape) {
  std::mt19937_64 random(seed);
  const auto below = [&random](uint64_t limit) { return random() % limit; };
  Corpus corpus(shape.docs);
  for (size_t doc = 0; doc < shape.docs; ++doc) {
    if (below(3) == 0) corpus[doc].id = Concat("doc-", doc);
    if (below(3) == 0) corpus[doc].id = std::to_string(doc * 7);
    std::vector<std::string> names = FieldNames();
    std::shuffle(names.begin(), names.end(), random);
    names.resize(below(names.size() + 1));
    for (const std::string& name : names) {
      std::string value;
      for (uint64_t tokens = below(shape.max_tokens / names.size() + 1); tokens > 0; --tokens) {
        // The n-th word about 1 / n as often as the first.
        const double skew = std::generate_canonical<double, 32>(random);
        value +=
            Word(static_cast<uint64_t>(std::pow(static_cast<double>(shape.vocabulary), skew) - 1)) +
            (below(4) == 0 ? "!\n" : " ");
      }
      corpus[doc].fields.emplace_back(name, value);
      corpus[doc].input_bytes += value.size();
    }
  }
  return corpus;
}

absl::StatusOr<bool> CorpusSource::Next(Document& document) {
  if (next_ == corpus_.size()) return false;
  document = corpus_[next_++];
  return true;
}

IndexModel MakeModel(const Corpus& corpus, const std::string& analyzer) {
  const std::unique_ptr<Analyzer> terms_of = *Analyzer::Create(analyzer);
  IndexModel model;
  std::map<std::string, uint32_t> numbers;
  for (uint64_t doc = 0; doc < corpus.size(); ++doc) {
    uint32_t position = 0;
    for (const auto& [name, value] : corpus[doc].fields) {
      const auto number = numbers.emplace(name, numbers.size()).first->second;
      if (number == model.fields.size()) model.fields.push_back({.name = name});
      const std::vector<std::string> terms = terms_of->Terms(value);
      model.fields[number].docs += terms.empty() ? 0 : 1;
      model.fields[number].tokens += terms.size();
      for (const std::string& term : terms) model.terms[term].positions[doc].push_back(position++);
      for (const std::string& term : std::set(terms.begin(), terms.end())) {
        ++model.terms[term].field_dfs[number];
      }
    }
    model.lengths.push_back(position);
    model.tokens += position;
  }
  for (const auto& [term, postings] : model.terms) model.postings += postings.positions.size();
  return model;
}

absl::Status CompareIndex(FileSystem& files, const std::string& index, const Corpus& corpus,
                          bool stored) {
  ASSIGN_OR_RETURN(const GenerationInfo generation, ReadCurrentGeneration(files, index));
  RETURN_IF_ERROR(CheckGeneration(files, generation));
  const IndexModel model = MakeModel(corpus, generation.analyzer);
  std::map<std::string, IndexModel::Term> terms;
  for (ShardId i = 0; i < generation.num_shards(); ++i) {
    ASSIGN_OR_RETURN(const auto shard, OpenShard(files, generation, i));
    if (shard->docs() != DocsInShard(corpus.size(), i, generation.num_shards())) {
      return Differs(Concat("documents of shard ", i));
    }
    RETURN_IF_ERROR(CompareStats(shard->stats(), model));
    RETURN_IF_ERROR(CompareDocuments(*shard, corpus, model, stored));
    RETURN_IF_ERROR(ShardReader(*shard, model).ReadTerms(terms));
  }
  return CompareTerms(terms, model);
}

absl::StatusOr<std::map<std::string, std::string>> ReadShards(FileSystem& files,
                                                              const std::string& index) {
  ASSIGN_OR_RETURN(const GenerationInfo generation, ReadCurrentGeneration(files, index));
  std::map<std::string, std::string> shards;
  for (const GenerationInfo::Shard& shard : generation.shards) {
    ASSIGN_OR_RETURN(shards[shard.file], ReadFile(files, generation.PathOf(shard)));
  }
  if (!generation.term_bounds) return absl::DataLossError("no term bounds");
  const std::string& bounds = generation.term_bounds->file;
  ASSIGN_OR_RETURN(shards[bounds], ReadFile(files, Concat(generation.directory, "/", bounds)));
  return shards;
}

}  // namespace canopy
