#include "tests/shard/search_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/byte_io.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "shard/length_code.h"
#include "shard/shard_writer.h"
#include "shard/term_bounds_format.h"
#include "shard/term_bounds_writer.h"

namespace canopy {
namespace {

struct Posting {
  LocalDoc doc;
  std::vector<uint32_t> positions;
};

// What the indexer would know about the whole collection.
struct Collection {
  CollectionStats stats;
  std::map<std::string, uint64_t> df;
  std::map<std::string, std::map<uint32_t, uint64_t>> field_df;
  std::map<std::string, uint32_t> field_numbers;
};

Collection Summarize(const std::vector<OracleDoc>& docs, uint32_t num_shards) {
  Collection all;
  all.stats.docs = docs.size();
  all.stats.num_shards = num_shards;
  all.stats.analyzer = "ascii";
  all.stats.analyzer_version = 1;
  all.stats.length_histogram.resize(256);
  for (const OracleDoc& doc : docs) {
    std::set<std::string> seen;
    uint64_t length = 0;
    for (const auto& [name, tokens] : doc.fields) {
      const auto [number, fresh] =
          all.field_numbers.try_emplace(name, static_cast<uint32_t>(all.field_numbers.size()));
      if (fresh) all.stats.fields.push_back({.name = name});
      all.stats.fields[number->second].docs += tokens.empty() ? 0 : 1;
      all.stats.fields[number->second].tokens += tokens.size();
      length += tokens.size();
      for (const std::string& term : std::set<std::string>(tokens.begin(), tokens.end())) {
        ++all.field_df[term][number->second];
        if (seen.insert(term).second) ++all.df[term];
      }
    }
    all.stats.tokens += length;
    ++all.stats.length_histogram[EncodeLength(static_cast<uint32_t>(length))];
  }
  return all;
}

std::map<std::string, std::vector<Posting>> AddDocs(const std::vector<OracleDoc>& docs,
                                                    const Collection& all, ShardId shard,
                                                    ShardWriter& writer) {
  std::map<std::string, std::vector<Posting>> terms;
  EncodedDocs batch;
  LocalDoc local = 0;
  for (size_t doc = shard; doc < docs.size(); doc += all.stats.num_shards, ++local) {
    std::vector<std::pair<uint32_t, uint32_t>> field_tokens;
    uint32_t position = 0;
    for (const auto& [name, tokens] : docs[doc].fields) {
      field_tokens.emplace_back(all.field_numbers.at(name), tokens.size());
      for (const std::string& token : tokens) {
        std::vector<Posting>& postings = terms[token];
        if (postings.empty() || postings.back().doc != local) postings.push_back({local, {}});
        postings.back().positions.push_back(position++);
      }
    }
    batch.Add({.external_id = "", .field_tokens = field_tokens, .stored = {}});
  }
  batch.Seal();
  const absl::Status status = writer.AddDocs(std::move(batch));
  EXPECT_TRUE(status.ok()) << status;
  return terms;
}

// The bounds of a term by shard.
using Bounds = std::map<std::string, std::vector<uint8_t>>;

void AddTerms(const std::map<std::string, std::vector<Posting>>& terms, const Collection& all,
              ShardId shard, ShardWriter& writer, Bounds& bounds) {
  EncodedTerms batch(writer.length_codes(), all.stats.AverageLength(), all.stats.k1, all.stats.b);
  for (const auto& [term, postings] : terms) {
    std::vector<LocalDoc> docs;
    std::vector<TermFrequency> tfs;
    std::string positions;
    ByteWriter bytes(positions);
    for (const Posting& posting : postings) {
      docs.push_back(posting.doc);
      tfs.push_back(static_cast<TermFrequency>(posting.positions.size()));
      uint32_t last = 0;
      for (uint32_t position : posting.positions) {
        bytes.Varint(position - last);
        last = position;
      }
    }
    const auto& by_field = all.field_df.at(term);
    const std::vector<std::pair<uint32_t, uint64_t>> field_df(by_field.begin(), by_field.end());
    std::vector<uint8_t>& row = bounds[term];
    row.resize(all.stats.num_shards);
    row[shard] = batch.Add({.term = term,
                            .global_df = all.df.at(term),
                            .global_field_df = field_df,
                            .docs = docs,
                            .tfs = tfs,
                            .positions = positions});
  }
  const absl::Status status = writer.AddTerms(std::move(batch));
  EXPECT_TRUE(status.ok()) << status;
}

std::unique_ptr<TermBounds> WriteTermBounds(const Bounds& bounds, const Collection& all,
                                            const std::string& directory) {
  TermBoundsWriter writer(LocalFileSystem(),
                          {.num_shards = all.stats.num_shards, .directory = directory});
  EncodedTermBounds terms(all.stats.num_shards);
  for (const auto& [term, row] : bounds) {
    std::vector<uint32_t> shards;
    for (ShardId shard = 0; shard < row.size(); ++shard) {
      if (row[shard] != 0) shards.push_back(shard);
    }
    terms.Add({.term = term, .global_df = all.df.at(term), .shards = shards, .bounds = row});
  }
  EXPECT_TRUE(writer.Add(std::move(terms)).ok());
  const auto summary = writer.Finish(all.stats.docs);
  EXPECT_TRUE(summary.ok()) << summary.status();
  auto opened = TermBounds::Open(LocalFileSystem(), Concat(directory, "/", kTermBoundsName));
  EXPECT_TRUE(opened.ok()) << opened.status();
  return std::move(*opened);
}

}  // namespace

SearchIndex::SearchIndex(const std::vector<OracleDoc>& docs, uint32_t num_shards,
                         const std::set<DocId>& deleted)
    : SearchIndex(docs, num_shards, NaiveOracle::Options{.deleted = deleted}) {}

SearchIndex::SearchIndex(const std::vector<OracleDoc>& docs, uint32_t num_shards,
                         const NaiveOracle::Options& options_of_all) {
  Collection all = Summarize(docs, num_shards);
  all.stats.k1 = options_of_all.k1;
  all.stats.b = options_of_all.b;
  Bounds bounds;
  for (ShardId shard = 0; shard < num_shards; ++shard) {
    ShardWriterOptions options;
    options.shard = shard;
    options.num_shards = num_shards;
    options.directory = directory_.path();
    options.file_name = Concat("shard-", shard);
    for (const DocId doc : options_of_all.deleted) {
      const DocLocation at = LocateDoc(doc, num_shards);
      if (at.shard == shard) options.deleted_docs.push_back(at.local);
    }
    auto writer = ShardWriter::Create(LocalFileSystem(), options);
    EXPECT_TRUE(writer.ok()) << writer.status();
    AddTerms(AddDocs(docs, all, shard, **writer), all, shard, **writer, bounds);
    const auto summary = (*writer)->Finish(all.stats);
    EXPECT_TRUE(summary.ok()) << summary.status();
    auto file = ShardFile::Open(LocalFileSystem(), directory_.File(options.file_name));
    EXPECT_TRUE(file.ok()) << file.status();
    shards_.push_back(std::move(*file));
  }
  term_bounds_ = WriteTermBounds(bounds, all, directory_.path());
}

OracleAnswer SearchIndex::Search(const ShardQuery& query, const SearchOptions& options) const {
  OracleAnswer answer;
  for (ShardId shard = 0; shard < shards_.size(); ++shard) {
    const auto result = SearchShard(*shards_[shard], query, options);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return answer;
    EXPECT_TRUE(result->total_is_exact || options.total == TotalMode::kLowerBound);
    EXPECT_LE(result->hits.size(), options.k);
    EXPECT_TRUE(std::is_sorted(result->hits.begin(), result->hits.end(), RanksBefore));
    answer.total += result->total;
    for (const ScoredDoc& hit : result->hits) {
      const auto num_shards = static_cast<uint32_t>(shards_.size());
      answer.hits.push_back({GlobalDoc({shard, hit.doc}, num_shards), hit.score});
    }
  }
  std::sort(answer.hits.begin(), answer.hits.end(), [](const OracleHit& a, const OracleHit& b) {
    return a.score != b.score ? a.score > b.score : a.doc < b.doc;
  });
  if (answer.hits.size() > options.k) answer.hits.resize(options.k);
  return answer;
}

std::string RandomWord(std::mt19937& random, size_t vocabulary) {
  std::uniform_real_distribution<double> uniform(0, 1);
  if (uniform(random) < 0.02) return "absent";
  // Rank r with probability about 1 / r.
  const double rank = std::pow(static_cast<double>(vocabulary), uniform(random)) - 1;
  return Concat("w", static_cast<uint64_t>(rank));
}

std::vector<OracleDoc> RandomCorpus(std::mt19937& random, const RandomCorpusOptions& options) {
  std::uniform_real_distribution<double> uniform(0, 1);
  std::geometric_distribution<size_t> tokens(1 / (options.mean_tokens + 1));
  std::vector<OracleDoc> docs;
  for (size_t i = 0; i < options.docs; ++i) {
    if (!docs.empty() && uniform(random) < options.copies) {
      docs.push_back(docs[random() % docs.size()]);
      continue;
    }
    OracleDoc doc;
    const bool is_long = uniform(random) < options.long_docs;
    for (const std::string& field : options.fields) {
      if (uniform(random) < 0.1) continue;
      std::vector<std::string> text;
      for (size_t n = is_long ? 1000 : tokens(random); n > 0; --n) {
        const size_t vocabulary = is_long && n % 2 == 0 ? 2 : options.vocabulary;
        std::string word = RandomWord(random, vocabulary);
        if (word != "absent") text.push_back(std::move(word));
      }
      doc.fields.emplace_back(field, std::move(text));
    }
    std::shuffle(doc.fields.begin(), doc.fields.end(), random);
    docs.push_back(std::move(doc));
  }
  return docs;
}

namespace {

ShardQuery RandomLeaf(std::mt19937& random, const RandomQueryOptions& options) {
  std::string field;
  if (!options.fields.empty() && random() % 4 == 0) {
    field = options.fields[random() % options.fields.size()];
  }
  switch (random() % 10) {
    case 0: {
      std::vector<std::string> words(random() % 4);
      for (std::string& word : words) word = RandomWord(random, options.vocabulary / 4);
      return ShardQuery::Phrase(words, random() % 2 == 0 ? 0 : random() % 6, field);
    }
    case 1:
    case 2:
      return ShardQuery::Phrase(
          {RandomWord(random, options.vocabulary / 8), RandomWord(random, options.vocabulary / 8)},
          random() % 3 == 0 ? 1 + random() % 3 : 0, field);
    case 3:
      return random() % 4 == 0   ? ShardQuery::MatchAll()
             : random() % 4 == 0 ? ShardQuery()
                                 : ShardQuery::ConstantScore(RandomLeaf(random, options), 0.75f);
    default:
      return ShardQuery::Term(RandomWord(random, options.vocabulary), field);
  }
}

}  // namespace

ShardQuery RandomQuery(std::mt19937& random, const RandomQueryOptions& options) {
  ShardQuery query;
  if (options.depth == 0 || random() % 4 == 0) {
    query = RandomLeaf(random, options);
  } else {
    RandomQueryOptions inner = options;
    --inner.depth;
    query.kind = ShardQuery::Kind::kBoolean;
    const auto fill = [&](std::vector<ShardQuery>& clauses, size_t most) {
      for (size_t n = random() % (most + 1); n > 0; --n) {
        clauses.push_back(RandomQuery(random, inner));
      }
    };
    fill(query.must, random() % 2 == 0 ? 2 : 0);
    fill(query.should, 4);
    if (random() % 3 == 0) fill(query.filter, 1);
    if (random() % 3 == 0) fill(query.must_not, 2);
    if (random() % 4 == 0) query.minimum_should_match = random() % 4;
  }
  if (random() % 5 == 0) query.boost = static_cast<float>(random() % 9) * 0.4f;
  return query;
}

std::string Describe(const ShardQuery& query) {
  std::string text;
  switch (query.kind) {
    case ShardQuery::Kind::kTerm:
    case ShardQuery::Kind::kPhrase:
      text = query.field.empty() ? "\"" : Concat(query.field, ":\"");
      for (const std::string& term : query.terms) text += Concat(term, " ");
      text += Concat("\"~", query.slop);
      break;
    case ShardQuery::Kind::kMatchAll:
      text = "*";
      break;
    case ShardQuery::Kind::kMatchNone:
      text = "none";
      break;
    case ShardQuery::Kind::kConstantScore:
      text = Concat("constant(", Describe(query.must.at(0)), ", ", query.constant_score, ")");
      break;
    case ShardQuery::Kind::kBoolean: {
      text = "(";
      for (const auto& [sign, clauses] : {std::pair("+", &query.must),
                                          {"#", &query.filter},
                                          {"-", &query.must_not},
                                          {"", &query.should}}) {
        for (const ShardQuery& clause : *clauses) text += Concat(sign, Describe(clause), " ");
      }
      text += ")";
      if (query.minimum_should_match) text += Concat("@", *query.minimum_should_match);
      break;
    }
  }
  if (query.boost != 1) text += Concat("^", query.boost);
  return text;
}

namespace {

OracleAnswer First(const OracleAnswer& answer, size_t k, FixedScore threshold = 0) {
  OracleAnswer first{answer.total, {}};
  for (const OracleHit& hit : answer.hits) {
    if (first.hits.size() < k && hit.score >= threshold) first.hits.push_back(hit);
  }
  return first;
}

void ExpectSame(const OracleAnswer& found, const OracleAnswer& expected) {
  EXPECT_EQ(found.total, expected.total);
  ASSERT_EQ(found.hits.size(), expected.hits.size());
  for (size_t i = 0; i < expected.hits.size(); ++i) {
    ASSERT_EQ(found.hits[i].doc, expected.hits[i].doc) << "at rank " << i;
    ASSERT_EQ(found.hits[i].score, expected.hits[i].score) << "at rank " << i;
  }
}

// A total that is said to be exact, though it need not be, is.
void ExpectExactTotalsAreTrue(const SearchIndex& index, const ShardQuery& query,
                              SearchOptions options) {
  for (ShardId shard = 0; shard < index.num_shards(); ++shard) {
    const auto found = SearchShard(index.shard(shard), query, options);
    ASSERT_TRUE(found.ok()) << found.status();
    if (!found->total_is_exact) continue;
    SearchOptions counting;
    counting.k = 0;
    counting.strategy = SearchStrategy::kExhaustive;
    EXPECT_EQ(found->total, SearchShard(index.shard(shard), query, counting)->total);
  }
}

}  // namespace

void ExpectAnswersOf(const NaiveOracle& oracle, const SearchIndex& index, const ShardQuery& query) {
  const OracleAnswer all = oracle.Search(query, oracle.docs().size());
  for (const SearchStrategy strategy : {SearchStrategy::kPruned, SearchStrategy::kExhaustive}) {
    SCOPED_TRACE(strategy == SearchStrategy::kPruned ? "pruned" : "exhaustive");
    SearchOptions options;
    options.strategy = strategy;
    for (const uint32_t k : {1u, 10u, 1000u}) {
      SCOPED_TRACE(Concat("k = ", k));
      options.k = k;
      ExpectSame(index.Search(query, options), First(all, k));
    }
    options.k = 0;
    EXPECT_EQ(index.Search(query, options).total, all.total);
    options.k = 10;
    if (all.hits.size() > 20) {
      // A threshold at the score of the sixth leaves six, and those that tie with it.
      options.score_threshold = all.hits[5].score;
      ExpectSame(index.Search(query, options), First(all, 10, options.score_threshold));
      options.score_threshold = 0;
    }
    options.total = TotalMode::kLowerBound;
    const OracleAnswer found = index.Search(query, options);
    EXPECT_LE(found.total, all.total);
    EXPECT_EQ(found.hits, First(all, 10).hits);
    ExpectExactTotalsAreTrue(index, query, options);
  }
}

}  // namespace canopy
