// What was written is what is read, for every kind of container and every section.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/status.h"
#include "base/strings.h"
#include "storage_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_seed.h"

namespace canopy {
namespace {

// Writes the model, opens the file and compares everything.
absl::Status RoundTrip(const ShardModel& model) {
  TempDir directory;
  FileSystem& files = LocalFileSystem();
  RETURN_IF_ERROR(WriteModel(files, directory.path(), model).status());
  ASSIGN_OR_RETURN(const std::unique_ptr<ShardFile> shard,
                   ShardFile::Open(files, directory.File(kModelFile)));
  return CompareWithModel(*shard, model);
}

// A term in documents 0, step, 2 * step, ... until it has df of them.
void AddTerm(const std::string& term, uint32_t df, uint32_t step, ShardModel& model) {
  for (uint32_t i = 0; i < df; ++i) {
    const size_t doc = size_t{i} * step;
    if (model.docs.size() <= doc) model.docs.resize(doc + 1);
    if (model.docs[doc].fields.empty()) model.docs[doc].fields.push_back({0, {}});
    model.docs[doc].fields[0].second.push_back(term);
  }
}

TEST(StorageRoundTrip, AnEmptyShardIsRead) {
  ShardModel model;
  model.other_docs = 3;
  model.num_shards = 5;
  model.shard = 4;
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, EveryBoundaryOfDocumentFrequencyIsRead) {
  ShardModel model;
  for (const uint32_t df :
       {1, 2, 127, 128, 129, 130, 256, 257, 2047, 2048, 2049, 65535, 65536, 65537, 70000}) {
    AddTerm(Concat("df", df), df, 1, model);
  }
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, TermsThatSpanChunksAreRead) {
  ShardModel model;
  for (const uint32_t df : {1, 5, 128, 129, 600, 4000})
    AddTerm(Concat("wide", df), df, 200000 / df, model);
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, FrequenciesBeyondAByteAreRead) {
  ShardModel model;
  for (const uint32_t tf : {1, 2, 3, 254, 255, 256, 300, 70000}) {
    ModelDoc doc;
    doc.fields.push_back({0, std::vector<std::string>(tf, "short")});
    if (tf == 300) doc.fields[0].second.push_back("single");
    model.docs.push_back(doc);
  }
  for (uint32_t i = 0; i < 400; ++i) {
    ModelDoc doc;
    doc.fields.push_back({0, std::vector<std::string>(i % 7 == 0 ? 250 + i / 7 : 1, "long")});
    if (i == 200) doc.fields[0].second.insert(doc.fields[0].second.end(), 1000, "single2");
    model.docs.push_back(doc);
  }
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, IdsThatAreNumbersOfTheirDocumentsTakeNoBytes) {
  TempDir directory;
  ShardModel model;
  model.shard = 2;
  model.num_shards = 5;
  for (LocalDoc doc = 0; doc < 1000; ++doc) {
    ModelDoc row;
    if (doc % 3 != 0) row.id = Concat(GlobalDoc({2, doc}, 5));
    model.docs.push_back(row);
  }
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), model).ok());
  const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
  ASSERT_TRUE(shard.ok());
  EXPECT_FALSE((*shard)->sections().Get(SectionId::kIds).present);
  EXPECT_EQ(*(*shard)->FindExternalId("8"), std::nullopt);  // of shard 3
  EXPECT_EQ(*(*shard)->FindExternalId("5002"), std::nullopt);
  EXPECT_EQ(*(*shard)->FindExternalId("02"), std::nullopt);
  EXPECT_EQ(*(*shard)->FindExternalId(""), std::nullopt);
}

TEST(StorageRoundTrip, OneIdThatIsNoNumberKeepsAllOthers) {
  ShardModel model;
  model.docs.resize(70000);
  model.docs[5].id = "5";
  model.docs[66000].id = "surprise";
  model.docs[69999].id = "007";
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, OfTwoDocumentsWithOneIdTheLowerIsFound) {
  TempDir directory;
  ShardModel model;
  model.docs.resize(4);
  model.docs[1].id = model.docs[3].id = "twin";
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), model).ok());
  const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
  ASSERT_TRUE(shard.ok());
  EXPECT_EQ(*(*shard)->FindExternalId("twin"), 1u);
}

TEST(StorageRoundTrip, StoredFieldsOfAnySizeAreRead) {
  ShardModel model;
  model.field_names = {"title", "body", "empty"};
  std::mt19937 random(1);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{16383}, size_t{16384},
                            size_t{16385}, size_t{300000}}) {
    for (int copies = 0; copies < 20; ++copies) {
      std::string value(size, ' ');
      for (char& c : value) c = static_cast<char>('a' + random() % 20);
      ModelDoc doc;
      if (copies % 5 != 0) doc.stored = {{1, value}, {0, "x"}, {2, ""}};
      model.docs.push_back(doc);
    }
  }
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, DeletedDocumentsAreNotLive) {
  ShardModel model;
  AddTerm("x", 70000, 1, model);
  model.deleted = {0, 63, 64, 65535, 65536, 69999};
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, TermsWithAnyBytesAndLengthsAreFound) {
  ShardModel model;
  ModelDoc doc;
  doc.fields.push_back({0, {}});
  std::vector<std::string>& tokens = doc.fields[0].second;
  for (size_t length = 1; length <= 255; ++length) {
    tokens.push_back(std::string(length, 'a'));
    tokens.push_back(std::string(length, '\xff'));
    tokens.push_back(std::string(length, '\0'));
    tokens.push_back(std::string(length - 1, 'a') + "b");
  }
  for (int i = 0; i < 2000; ++i) tokens.push_back(Concat("sameprefix", i * 7919 % 2000));
  model.docs.push_back(doc);
  EXPECT_EQ(RoundTrip(model), absl::OkStatus());
}

TEST(StorageRoundTrip, TermsThatAreNotThereAreNotFound) {
  TempDir directory;
  ShardModel model;
  ModelDoc doc;
  doc.fields.push_back({0, {}});
  for (int i = 0; i < 1000; ++i)
    doc.fields[0].second.push_back(Concat("commonprefix", i * 2 + 10000));
  model.docs.push_back(doc);
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), model).ok());
  const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
  ASSERT_TRUE(shard.ok());
  for (int i = 0; i <= 1000; ++i) {
    const auto found = (*shard)->FindTerm(Concat("commonprefix", i * 2 + 9999));
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(*found, std::nullopt) << i;
  }
  for (const char* absent :
       {"", "a", "commonprefix", "commonprefix1", "commonprefix100000", "z", "\xff"}) {
    EXPECT_EQ(*(*shard)->FindTerm(absent), std::nullopt) << absent;
  }
}

// Dictionaries of 1 to 400 blocks, whose first terms differ in their first eight bytes.
TEST(StorageRoundTrip, TermsAreFoundTogetherAsOneByOne) {
  for (const int terms : {1, 16, 17, 255, 256, 257, 272, 4080, 4096, 4112, 6400}) {
    SCOPED_TRACE(terms);
    TempDir directory;
    ShardModel model;
    ModelDoc doc;
    doc.fields.push_back({0, {}});
    for (int i = 0; i < terms; ++i) doc.fields[0].second.push_back(Concat(100000 + 2 * i));
    model.docs.push_back(doc);
    ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), model).ok());
    const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
    ASSERT_TRUE(shard.ok());
    for (int i = 0; i < terms; ++i) {
      const std::string there = Concat(100000 + 2 * i), absent = Concat(100000 + 2 * i - 1);
      const std::string_view wanted[] = {absent, there, "", "zzz", there};
      std::optional<TermInfo> found[5];
      ASSERT_TRUE((*shard)->FindTerms(wanted, absl::MakeSpan(found)).ok());
      const auto alone = (*shard)->FindTerm(there);
      ASSERT_TRUE(alone.ok() && alone->has_value() && found[1] && found[4]) << there;
      EXPECT_EQ((*alone)->ordinal, i);
      EXPECT_EQ(found[1]->ordinal, i);
      EXPECT_EQ(found[4]->positions, (*alone)->positions);
      EXPECT_FALSE(found[0] || found[2] || found[3]) << there;
    }
  }
}

TEST(StorageRoundTrip, TermsAreWalkedInOrder) {
  TempDir directory;
  ShardModel model;
  ModelDoc doc;
  doc.fields.push_back({0, {}});
  for (int i = 0; i < 100; ++i) doc.fields[0].second.push_back(Concat("t", i * i));
  model.docs.push_back(doc);
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), model).ok());
  const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
  ASSERT_TRUE(shard.ok());
  TermCursor cursor((*shard)->dictionary());
  uint64_t ordinal = 0;
  for (const auto& [term, postings] : model.Terms()) {
    ASSERT_EQ(*cursor.Next(), true);
    EXPECT_EQ(cursor.term(), term);
    EXPECT_EQ(cursor.info().ordinal, ordinal++);
  }
  EXPECT_EQ(*cursor.Next(), false);
}

// A corpus with Zipf terms, several fields in any order, ids, and stored fields.
ShardModel RandomModel(uint32_t seed) {
  std::mt19937 random(seed);
  ShardModel model;
  model.num_shards = 1 + random() % 4;
  model.shard = random() % model.num_shards;
  model.field_names.clear();
  const uint32_t fields = 1 + random() % 4;
  for (uint32_t field = 0; field < fields; ++field) model.field_names.push_back(Concat("f", field));
  model.other_docs = random() % 2 == 0 ? 0 : random() % 1000;
  const uint32_t docs = 1 + random() % 3000;
  const bool ids = random() % 2 == 0;
  for (uint32_t i = 0; i < docs; ++i) {
    ModelDoc doc;
    if (ids && random() % 2 == 0) doc.id = Concat("id", i);
    std::vector<uint32_t> order(fields);
    for (uint32_t field = 0; field < fields; ++field) order[field] = field;
    std::shuffle(order.begin(), order.end(), random);
    order.resize(random() % (fields + 1));
    for (const uint32_t field : order) {
      std::vector<std::string> tokens(random() % 4 == 0 ? 0 : random() % 30);
      for (std::string& token : tokens) {
        token = Concat(random() % 3 == 0 ? "w" : "term",
                       static_cast<uint32_t>(1e5 / (1 + random() % 100000)));
      }
      doc.stored.emplace_back(field, Concat("value ", random()));
      doc.fields.emplace_back(field, std::move(tokens));
    }
    model.docs.push_back(std::move(doc));
  }
  return model;
}

TEST(StorageRoundTrip, RandomShardsAreRead) {
  const uint32_t first = TestSeed(20240607);
  for (uint32_t seed = first; seed != first + 15; ++seed) {
    SCOPED_TRACE(Concat("seed ", seed));
    ASSERT_EQ(RoundTrip(RandomModel(seed)), absl::OkStatus());
  }
}

TEST(StorageRoundTrip, PositionsAreReadInAnyOrderOfRanks) {
  TempDir directory;
  std::mt19937 random(TestSeed(7));
  ShardModel model;
  for (int i = 0; i < 1500; ++i) {
    ModelDoc doc;
    doc.fields.push_back({0, {}});
    const uint32_t tf = random() % 50 == 0 ? 200 + random() % 200 : 1 + random() % 4;
    for (uint32_t j = 0; j < tf; ++j) {
      for (uint32_t gap = random() % 20 == 0 ? 200 : random() % 3; gap > 0; --gap)
        doc.fields[0].second.push_back("gap");
      doc.fields[0].second.push_back("x");
    }
    model.docs.push_back(doc);
  }
  ASSERT_TRUE(WriteModel(LocalFileSystem(), directory.path(), model).ok());
  const auto shard = ShardFile::Open(LocalFileSystem(), directory.File(kModelFile));
  ASSERT_TRUE(shard.ok());
  const std::optional<TermInfo> info = *(*shard)->FindTerm("x");
  const PostingList list = *(*shard)->Postings(*info);
  PositionReader reader = *(*shard)->Positions(*info, list);
  const std::vector<ModelPosting> postings = model.Terms()["x"];
  for (int i = 0; i < 5000; ++i) {
    const uint32_t rank = random() % 1500;
    std::vector<uint32_t> found = {77};
    ASSERT_EQ(reader.Read(rank, list.frequencies().At(rank), found), absl::OkStatus());
    found.erase(found.begin());
    ASSERT_EQ(found, postings[rank].positions) << rank;
  }
  EXPECT_EQ(reader.Seek(1500).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace canopy
