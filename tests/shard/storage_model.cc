#include "storage_model.h"

#include <algorithm>
#include <set>

#include "base/byte_io.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/length_code.h"

namespace canopy {
namespace {

absl::Status Differs(std::string_view what, const auto& found, const auto& expected) {
  return absl::InternalError(Concat(what, ": found ", found, ", expected ", expected));
}

#define RETURN_IF_DIFFERENT(what, found, expected)                    \
  do {                                                                \
    const auto found_ = (found);                                      \
    const auto expected_ = (expected);                                \
    if (found_ != expected_) return Differs(what, found_, expected_); \
  } while (false)

std::string EncodePositions(const std::vector<ModelPosting>& postings) {
  std::string bytes;
  ByteWriter writer(bytes);
  for (const ModelPosting& posting : postings) {
    uint32_t last = 0;
    for (const uint32_t position : posting.positions) {
      writer.Varint(position - last);
      last = position;
    }
  }
  return bytes;
}

absl::Status AddDocs(const ShardModel& model, const ModelWriteOptions& options,
                     ShardWriter& writer) {
  EncodedDocs batch;
  for (size_t i = 0; i < model.docs.size(); ++i) {
    const ModelDoc& doc = model.docs[i];
    std::vector<std::pair<uint32_t, uint32_t>> field_tokens;
    for (const auto& [field, tokens] : doc.fields) field_tokens.emplace_back(field, tokens.size());
    std::vector<std::pair<uint32_t, std::string_view>> stored(doc.stored.begin(), doc.stored.end());
    batch.Add({doc.id, field_tokens, stored});
    if ((i + 1) % options.docs_per_batch == 0 || i + 1 == model.docs.size()) {
      batch.Seal();
      RETURN_IF_ERROR(writer.AddDocs(std::exchange(batch, EncodedDocs())));
    }
  }
  return absl::OkStatus();
}

absl::Status AddTerms(const ShardModel& model, const ModelWriteOptions& options,
                      ShardWriter& writer) {
  const CollectionStats stats = model.Stats();
  const auto field_dfs = model.FieldDfs();
  const auto new_batch = [&] {
    return std::make_unique<EncodedTerms>(writer.length_codes(), stats.AverageLength(), stats.k1,
                                          stats.b);
  };
  std::unique_ptr<EncodedTerms> batch = new_batch();
  for (const auto& [term, postings] : model.Terms()) {
    TermPostings input;
    std::vector<LocalDoc> docs;
    std::vector<TermFrequency> tfs;
    for (const ModelPosting& posting : postings) {
      docs.push_back(posting.doc);
      tfs.push_back(static_cast<TermFrequency>(posting.positions.size()));
    }
    const std::string positions = EncodePositions(postings);
    const std::vector<std::pair<uint32_t, uint64_t>> dfs(field_dfs.at(term).begin(),
                                                         field_dfs.at(term).end());
    input.term = term;
    input.global_df = docs.size();
    input.global_field_df = dfs;
    input.docs = docs;
    input.tfs = tfs;
    input.positions = positions;
    batch->Add(input);
    if (batch->terms() == options.terms_per_batch) {
      RETURN_IF_ERROR(writer.AddTerms(std::move(*batch)));
      batch = new_batch();
    }
  }
  return writer.AddTerms(std::move(*batch));
}

// Documents of a posting list, by walking its containers as the kernels do.
std::vector<LocalDoc> DocsOf(const PostingList& list) {
  std::vector<LocalDoc> docs;
  for (const ContainerView& view : list.containers()) {
    const LocalDoc base = view.chunk * kChunkDocs;
    if (view.array != nullptr) {
      for (uint32_t i = 0; i < view.cardinality; ++i) docs.push_back(base + view.array[i]);
    } else {
      for (uint32_t bit = 0; bit < kChunkDocs; ++bit) {
        if (view.bitset[bit / 64] >> (bit % 64) & 1) docs.push_back(base + bit);
      }
    }
  }
  return docs;
}

absl::Status CompareTerm(const ShardFile& shard, const std::string& term,
                         const std::vector<ModelPosting>& postings) {
  ASSIGN_OR_RETURN(const std::optional<TermInfo> info, shard.FindTerm(term));
  if (!info) return absl::InternalError(Concat("term ", term, " is missing"));
  RETURN_IF_DIFFERENT("df", info->df, postings.size());
  RETURN_IF_DIFFERENT("global df", info->global_df, postings.size());
  ASSIGN_OR_RETURN(const PostingList list, shard.Postings(*info));
  const std::vector<LocalDoc> docs = DocsOf(list);
  RETURN_IF_DIFFERENT("documents", docs.size(), postings.size());
  ASSIGN_OR_RETURN(PositionReader positions, shard.Positions(*info, list));
  for (uint32_t rank = 0; rank < postings.size(); ++rank) {
    RETURN_IF_DIFFERENT("document", docs[rank], postings[rank].doc);
    RETURN_IF_DIFFERENT("tf", list.frequencies().At(rank), postings[rank].positions.size());
    std::vector<uint32_t> found;
    RETURN_IF_ERROR(positions.Read(rank, list.frequencies().At(rank), found));
    if (found != postings[rank].positions)
      return absl::InternalError(Concat("positions of ", term, " at ", rank));
  }
  return absl::OkStatus();
}

absl::Status CompareFields(const ShardFile& shard, const ShardModel& model, LocalDoc doc) {
  if (!shard.has_field_spans()) return absl::OkStatus();
  uint32_t first = 0;
  std::set<uint32_t> seen;
  for (const auto& [field, tokens] : model.docs[doc].fields) {
    ASSIGN_OR_RETURN(const auto span, shard.FieldSpan(doc, field));
    RETURN_IF_DIFFERENT("span begin", span.first, first);
    first += static_cast<uint32_t>(tokens.size());
    RETURN_IF_DIFFERENT("span end", span.second, first);
    seen.insert(field);
  }
  for (uint32_t field = 0; field < model.field_names.size(); ++field) {
    if (seen.contains(field)) continue;
    ASSIGN_OR_RETURN(const auto span, shard.FieldSpan(doc, field));
    RETURN_IF_DIFFERENT("span of an absent field", span.second, span.first);
  }
  return absl::OkStatus();
}

absl::Status CompareDoc(const ShardFile& shard, const ShardModel& model, LocalDoc doc) {
  const ModelDoc& expected = model.docs[doc];
  RETURN_IF_DIFFERENT("length code", int{shard.length_codes()[doc]},
                      int{EncodeLength(expected.Length())});
  RETURN_IF_ERROR(CompareFields(shard, model, doc));
  ASSIGN_OR_RETURN(const std::string id, shard.ExternalId(doc));
  RETURN_IF_DIFFERENT(
      "id", id,
      expected.id.empty() ? Concat(GlobalDoc({model.shard, doc}, model.num_shards)) : expected.id);
  ASSIGN_OR_RETURN(const std::optional<LocalDoc> found, shard.FindExternalId(id));
  RETURN_IF_DIFFERENT(Concat("document of id ", id), found.value_or(UINT32_MAX), doc);
  ASSIGN_OR_RETURN(const auto stored, shard.StoredFields(doc));
  RETURN_IF_DIFFERENT("stored fields", stored.size(), expected.stored.size());
  for (size_t i = 0; i < stored.size(); ++i) {
    RETURN_IF_DIFFERENT("name", stored[i].first, model.field_names[expected.stored[i].first]);
    RETURN_IF_DIFFERENT("value", stored[i].second, expected.stored[i].second);
  }
  const uint64_t* live = shard.live_docs();
  const bool is_live = live == nullptr || (live[doc / 64] >> (doc % 64) & 1) != 0;
  const bool deleted =
      std::find(model.deleted.begin(), model.deleted.end(), doc) != model.deleted.end();
  RETURN_IF_DIFFERENT("live", is_live, !deleted);
  return absl::OkStatus();
}

absl::Status CompareStats(const ShardFile& shard, const ShardModel& model) {
  const CollectionStats expected = model.Stats();
  const CollectionStats& found = shard.stats();
  RETURN_IF_DIFFERENT("docs", shard.docs(), model.docs.size());
  RETURN_IF_DIFFERENT("shard", shard.shard(), model.shard);
  RETURN_IF_DIFFERENT("collection docs", found.docs, expected.docs);
  RETURN_IF_DIFFERENT("tokens", found.tokens, expected.tokens);
  RETURN_IF_DIFFERENT("num_shards", found.num_shards, expected.num_shards);
  RETURN_IF_DIFFERENT("analyzer", found.analyzer, expected.analyzer);
  RETURN_IF_DIFFERENT("analyzer version", found.analyzer_version, expected.analyzer_version);
  RETURN_IF_DIFFERENT("k1", found.k1, expected.k1);
  RETURN_IF_DIFFERENT("b", found.b, expected.b);
  RETURN_IF_DIFFERENT("fields", found.fields.size(), expected.fields.size());
  for (size_t i = 0; i < expected.fields.size(); ++i) {
    RETURN_IF_DIFFERENT("field", found.fields[i].name, expected.fields[i].name);
    RETURN_IF_DIFFERENT("field docs", found.fields[i].docs, expected.fields[i].docs);
    RETURN_IF_DIFFERENT("field tokens", found.fields[i].tokens, expected.fields[i].tokens);
  }
  if (found.length_histogram != expected.length_histogram)
    return absl::InternalError("length histogram");
  return absl::OkStatus();
}

}  // namespace

uint32_t ModelDoc::Length() const {
  size_t length = 0;
  for (const auto& [field, tokens] : fields) length += tokens.size();
  return static_cast<uint32_t>(length);
}

std::map<std::string, std::vector<ModelPosting>> ShardModel::Terms() const {
  std::map<std::string, std::vector<ModelPosting>> terms;
  for (LocalDoc doc = 0; doc < docs.size(); ++doc) {
    uint32_t position = 0;
    for (const auto& [field, tokens] : docs[doc].fields) {
      for (const std::string& token : tokens) {
        std::vector<ModelPosting>& postings = terms[token];
        if (postings.empty() || postings.back().doc != doc) postings.push_back({doc, {}});
        postings.back().positions.push_back(position++);
      }
    }
  }
  return terms;
}

std::map<std::string, std::map<uint32_t, uint64_t>> ShardModel::FieldDfs() const {
  std::map<std::string, std::map<uint32_t, uint64_t>> dfs;
  for (const ModelDoc& doc : docs) {
    std::set<std::pair<std::string, uint32_t>> seen;
    for (const auto& [field, tokens] : doc.fields) {
      for (const std::string& token : tokens) {
        if (seen.emplace(token, field).second) ++dfs[token][field];
      }
    }
  }
  return dfs;
}

CollectionStats ShardModel::Stats() const {
  CollectionStats stats;
  stats.docs = docs.size() + other_docs;
  stats.num_shards = num_shards;
  stats.analyzer = "ascii";
  stats.analyzer_version = 1;
  stats.k1 = k1;
  stats.b = b;
  stats.length_histogram.assign(256, 0);
  stats.length_histogram[0] = other_docs;
  for (const std::string& name : field_names) stats.fields.push_back({name, 0, 0});
  for (const ModelDoc& doc : docs) {
    stats.tokens += doc.Length();
    ++stats.length_histogram[EncodeLength(doc.Length())];
    for (const auto& [field, tokens] : doc.fields) {
      stats.fields[field].docs += tokens.empty() ? 0 : 1;
      stats.fields[field].tokens += tokens.size();
    }
  }
  return stats;
}

absl::StatusOr<ShardSummary> WriteModel(FileSystem& files, const std::string& directory,
                                        const ShardModel& model, const ModelWriteOptions& options) {
  ShardWriterOptions writer_options;
  writer_options.shard = model.shard;
  writer_options.num_shards = model.num_shards;
  writer_options.directory = directory;
  writer_options.file_name = kModelFile;
  writer_options.deleted_docs = model.deleted;
  ASSIGN_OR_RETURN(const std::unique_ptr<ShardWriter> writer,
                   ShardWriter::Create(files, writer_options));
  RETURN_IF_ERROR(AddDocs(model, options, *writer));
  RETURN_IF_ERROR(AddTerms(model, options, *writer));
  return writer->Finish(model.Stats());
}

absl::Status CompareWithModel(const ShardFile& shard, const ShardModel& model) {
  RETURN_IF_ERROR(CompareStats(shard, model));
  for (LocalDoc doc = 0; doc < model.docs.size(); ++doc) {
    RETURN_IF_ERROR(Annotate(CompareDoc(shard, model, doc), Concat("document ", doc)));
  }
  const auto terms = model.Terms();
  RETURN_IF_DIFFERENT("terms", shard.terms(), terms.size());
  const auto field_dfs = model.FieldDfs();
  for (const auto& [term, postings] : terms) {
    RETURN_IF_ERROR(Annotate(CompareTerm(shard, term, postings), Concat("term ", term)));
    ASSIGN_OR_RETURN(const std::optional<TermInfo> info, shard.FindTerm(term));
    for (uint32_t field = 0; field < model.field_names.size(); ++field) {
      ASSIGN_OR_RETURN(const uint64_t df, shard.GlobalFieldDf(*info, field));
      const auto& dfs = field_dfs.at(term);
      RETURN_IF_DIFFERENT(Concat("df of ", term, " in field ", field), df,
                          dfs.contains(field) ? dfs.at(field) : 0);
    }
  }
  return absl::OkStatus();
}

}  // namespace canopy
