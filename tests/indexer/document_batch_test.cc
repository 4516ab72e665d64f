#include "indexer/document_batch.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/indexer/build_model.h"

namespace canopy {
namespace {

using ::testing::ElementsAre;

bool StoreTitle(std::string_view name) { return name == "title"; }

Corpus NumberedCorpus(size_t docs, size_t text_bytes) {
  Corpus corpus(docs);
  for (size_t i = 0; i < docs; ++i) {
    corpus[i].id = Concat("id", i);
    corpus[i].fields = {{"text", std::string(text_bytes, 'x')}};
    corpus[i].input_bytes = 10;
  }
  return corpus;
}

// Sizes of the batches.
std::vector<size_t> BatchSizes(const Corpus& corpus, BatchLimits limits) {
  CorpusSource source(corpus);
  BatchReader reader(source, limits, StoreTitle);
  std::vector<size_t> sizes;
  DocumentBatch batch;
  while (*reader.Read(batch)) {
    EXPECT_EQ(batch.number(), sizes.size());
    sizes.push_back(batch.size());
  }
  return sizes;
}

TEST(DocumentBatchTest, BatchesEndAtTheirLimitOfDocuments) {
  EXPECT_THAT(BatchSizes(NumberedCorpus(10, 1), {.text_bytes = 1000, .docs = 4}),
              ElementsAre(4, 4, 2));
  EXPECT_THAT(BatchSizes(NumberedCorpus(8, 1), {.text_bytes = 1000, .docs = 4}), ElementsAre(4, 4));
}

TEST(DocumentBatchTest, BatchesEndWithTheDocumentThatReachesTheirLimitOfBytes) {
  EXPECT_THAT(BatchSizes(NumberedCorpus(5, 100), {.text_bytes = 150, .docs = 100}),
              ElementsAre(2, 2, 1));
  EXPECT_THAT(BatchSizes(NumberedCorpus(3, 1000), {.text_bytes = 10, .docs = 100}),
              ElementsAre(1, 1, 1));
}

TEST(DocumentBatchTest, AnEmptySourceGivesNoBatch) {
  EXPECT_THAT(BatchSizes({}, {}), ElementsAre());
}

TEST(DocumentBatchTest, DocumentsAreNumberedInOrderAndKeepTheirFields) {
  const Corpus corpus = {{.id = "a", .fields = {{"title", "T"}, {"body", "B"}}},
                         {.id = "", .fields = {}},
                         {.id = "c", .fields = {{"body", "C"}, {"tags", ""}, {"title", "D"}}}};
  CorpusSource source(corpus);
  BatchReader reader(source, {.text_bytes = 1000, .docs = 2}, StoreTitle);
  DocumentBatch batch;
  ASSERT_TRUE(*reader.Read(batch));
  EXPECT_EQ(batch.first_doc(), 0);
  ASSERT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.doc(0).id, "a");
  ASSERT_EQ(batch.doc(0).num_fields, 2);
  EXPECT_EQ(batch.field(0).number, 0);
  EXPECT_TRUE(batch.field(0).is_stored);
  EXPECT_EQ(batch.field(1).number, 1);
  EXPECT_FALSE(batch.field(1).is_stored);
  EXPECT_EQ(batch.doc(1).id, "");
  EXPECT_EQ(batch.doc(1).num_fields, 0);
  ASSERT_TRUE(*reader.Read(batch));
  EXPECT_EQ(batch.first_doc(), 2);
  ASSERT_EQ(batch.size(), 1);
  std::vector<uint16_t> numbers;
  std::vector<std::string_view> values;
  for (size_t i = 0; i < batch.doc(0).num_fields; ++i) {
    const DocumentBatch::Field field = batch.field(batch.doc(0).first_field + i);
    numbers.push_back(field.number);
    values.push_back(field.value);
  }
  EXPECT_THAT(numbers, ElementsAre(1, 2, 0));
  EXPECT_THAT(values, ElementsAre("C", "", "D"));
  EXPECT_FALSE(*reader.Read(batch));
  EXPECT_FALSE(*reader.Read(batch));
  EXPECT_THAT(reader.FieldNames(), ElementsAre("title", "body", "tags"));
}

TEST(DocumentBatchTest, ManyThreadsGetEveryDocumentOnce) {
  const Corpus corpus = NumberedCorpus(1000, 3);
  CorpusSource source(corpus);
  BatchReader reader(source, {.text_bytes = 1000, .docs = 7}, StoreTitle);
  std::vector<std::atomic<int>> seen(corpus.size());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      DocumentBatch batch;
      while (*reader.Read(batch)) {
        EXPECT_EQ(batch.first_doc(), batch.number() * 7);
        for (size_t doc = 0; doc < batch.size(); ++doc) ++seen[batch.first_doc() + doc];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& times : seen) EXPECT_EQ(times, 1);
  EXPECT_EQ(reader.progress().docs, 1000);
  EXPECT_EQ(reader.progress().input_bytes, 10'000);
}

// Fails after three documents.
class FailingSource final : public DocumentSource {
 public:
  absl::StatusOr<bool> Next(Document& document) override {
    if (++calls_ > 3) return absl::DataLossError("torn");
    document = Document();
    document.fields = {{"text", "x"}};
    return true;
  }
  uint64_t BytesRead() const override { return 0; }
  uint64_t BytesTotal() const override { return 0; }
  int calls() const { return calls_; }

 private:
  int calls_ = 0;
};

TEST(DocumentBatchTest, AnErrorOfTheSourceStaysAndTheSourceIsNotAskedAgain) {
  FailingSource source;
  BatchReader reader(source, {.text_bytes = 1000, .docs = 2}, StoreTitle);
  DocumentBatch batch;
  EXPECT_TRUE(reader.Read(batch).ok());
  EXPECT_TRUE(absl::IsDataLoss(reader.Read(batch).status()));
  EXPECT_TRUE(absl::IsDataLoss(reader.Read(batch).status()));
  EXPECT_EQ(source.calls(), 4);
}

// Every document brings a hundred new names.
class FieldySource final : public DocumentSource {
 public:
  absl::StatusOr<bool> Next(Document& document) override {
    document = Document();
    for (int i = 0; i < 100; ++i) document.fields.emplace_back(Concat("f", next_++), "x");
    return true;
  }
  uint64_t BytesRead() const override { return 0; }
  uint64_t BytesTotal() const override { return 0; }

 private:
  uint64_t next_ = 0;
};

TEST(DocumentBatchTest, TooManyNamesOfFieldsAreRefused) {
  FieldySource source;
  BatchReader reader(source, {.text_bytes = 1 << 30, .docs = 1000}, StoreTitle);
  DocumentBatch batch;
  const absl::Status status = reader.Read(batch).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(reader.FieldNames().size(), kMaxFieldNames);
}

}  // namespace
}  // namespace canopy
