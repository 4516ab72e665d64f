// A byte that is not what the writer wrote is refused, with file, section and offset; or it makes
// no difference. Nothing crashes, reads out of bounds or hangs, also when nobody has verified
// checksums, and also when checksums are right and the bytes are not. Run under asan to be of full
// use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <utility>

#include "base/byte_io.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"
#include "shard/check_shard.h"
#include "shard/cpu_level.h"
#include "shard/format.h"
#include "shard/shard_searcher.h"
#include "storage_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_seed.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace canopy {
namespace {

using ::testing::HasSubstr;

// A mapping of bytes whose end asan knows, as it would not know that of a file in its last page.
class Mapping final {
 public:
  explicit Mapping(std::string_view bytes)
      : size_(std::max<size_t>(AlignUp(bytes.size(), 4096), 4096)) {
    memory_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory_ != MAP_FAILED);
    std::memcpy(memory_, bytes.data(), bytes.size());
    ASAN_POISON_MEMORY_REGION(static_cast<char*>(memory_) + bytes.size(), size_ - bytes.size());
    file_ = MappedFile(static_cast<const char*>(memory_), bytes.size());
  }
  // The memory may be another's by now or soon, and unmapping does not take the poison away.
  ~Mapping() { ASAN_UNPOISON_MEMORY_REGION(memory_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  absl::StatusOr<std::unique_ptr<ShardFile>> Open(const std::string& path) {
    return ShardFile::OpenMapped(std::move(file_), path);
  }

 private:
  const size_t size_;
  void* memory_ = nullptr;
  MappedFile file_;
};

// Small, with every section, short and long postings, escapes, several fields.
ShardModel SmallModel() {
  ShardModel model;
  model.shard = 1;
  model.num_shards = 2;
  model.other_docs = 135;
  model.field_names = {"title", "body"};
  for (uint32_t i = 0; i < 135; ++i) {
    ModelDoc doc;
    if (i % 2 == 0) doc.id = Concat("d", i);
    doc.fields.push_back({1, {"long"}});
    if (i % 10 == 0) doc.fields[0].second.push_back("short");
    if (i == 50) doc.fields[0].second.insert(doc.fields[0].second.end(), 260, "long");
    if (i % 40 == 0) doc.fields.push_back({0, {"single", Concat("single", i)}});
    if (i % 20 == 0) doc.stored = {{1, "value"}};
    model.docs.push_back(doc);
  }
  model.deleted = {3, 100};
  return model;
}

// A file with a dense container; too large for flipping every byte.
ShardModel DenseModel() {
  ShardModel model;
  for (uint32_t i = 0; i < 3000; ++i) {
    ModelDoc doc;
    doc.fields.push_back({0, {"dense"}});
    if (i % 3 == 0) doc.fields[0].second.push_back("array");
    if (i % 1000 == 0) doc.id = Concat("x", i);
    model.docs.push_back(doc);
  }
  return model;
}

class StorageCorruption : public ::testing::Test {
 protected:
  // Writes the model's file and gives its bytes.
  std::string Write(const ShardModel& model) {
    EXPECT_TRUE(WriteModel(LocalFileSystem(), directory_.path(), model).ok());
    return *ReadFile(LocalFileSystem(), path_);
  }

  TempDir directory_;
  const std::string path_ = directory_.File(kModelFile);
};

// Open and CheckShard of the bytes, in this order.
absl::Status OpenAndCheck(const std::string& path, std::string_view bytes) {
  Mapping mapping(bytes);
  ASSIGN_OR_RETURN(const std::unique_ptr<ShardFile> shard, mapping.Open(path));
  return CheckShard(*shard);
}

// Whatever the bytes, reading everything must end, and only with an error or an answer. What
// kernels do with the contents of long lists is not looked at here.
void ReadEverything(const ShardFile& shard) {
  TermCursor cursor(shard.dictionary());
  std::vector<uint32_t> positions;
  while (true) {
    const absl::StatusOr<bool> found = cursor.Next();
    if (!found.ok() || !*found) break;
    shard.FindTerm(cursor.term()).status().IgnoreError();
    shard.GlobalFieldDf(cursor.info(), 0).status().IgnoreError();
    const absl::StatusOr<PostingList> list = shard.Postings(cursor.info());
    if (!list.ok()) continue;
    absl::StatusOr<PositionReader> reader = shard.Positions(cursor.info(), *list);
    if (!reader.ok()) continue;
    for (uint32_t rank = 0; rank < list->df(); rank += 1 + list->df() / 64) {
      positions.clear();
      reader->Read(rank, list->frequencies().At(rank), positions).IgnoreError();
    }
  }
  for (const char* term : {"long", "short", "single0", "absent", "dense", "a", "zz"}) {
    shard.FindTerm(term).status().IgnoreError();
  }
  for (LocalDoc doc = 0; doc < shard.docs(); doc += 1 + shard.docs() / 16) {
    if (shard.has_field_spans()) shard.FieldSpan(doc, 0).status().IgnoreError();
    shard.ExternalId(doc).status().IgnoreError();
    shard.StoredFields(doc).status().IgnoreError();
  }
  for (int i = 0; i < 20; ++i) shard.FindExternalId(Concat("d", i)).status().IgnoreError();
  if (shard.live_docs() != nullptr && shard.docs() > 0) (void)shard.live_docs()[shard.docs() / 64];
}

TEST_F(StorageCorruption, EveryFlippedByteIsRefusedOrMakesNoDifference) {
  const ShardModel model = SmallModel();
  const std::string bytes = Write(model);
  ASSERT_LT(bytes.size(), 16000u);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    const absl::Status status = OpenAndCheck(path_, changed);
    // Another version is told apart; everything else is damage.
    if (absl::IsFailedPrecondition(status)) {
      EXPECT_TRUE(at >= 8 && at < 12) << at << " " << status;
      EXPECT_THAT(std::string(Message(status)), HasSubstr("than this program's 2"));
      continue;
    }
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << "byte " << at << ": " << status;
    EXPECT_THAT(std::string(Message(status)), HasSubstr(path_));
    EXPECT_THAT(std::string(Message(status)), HasSubstr("section \""));
    EXPECT_THAT(std::string(Message(status)), HasSubstr("offset "));
  }
}

TEST_F(StorageCorruption, EveryTruncationIsRefused) {
  const std::string bytes = Write(SmallModel());
  for (size_t size = 0; size < bytes.size(); ++size) {
    Mapping mapping(bytes.substr(0, size));
    const absl::Status status = mapping.Open(path_).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << "size " << size << ": " << status;
    EXPECT_THAT(std::string(Message(status)), HasSubstr("offset "));
  }
}

TEST_F(StorageCorruption, BytesAfterTheFooterAreRefused) {
  const std::string bytes = Write(SmallModel());
  EXPECT_EQ(OpenAndCheck(path_, bytes + '\0').code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenAndCheck(path_, bytes + bytes).code(), absl::StatusCode::kDataLoss);
}

TEST_F(StorageCorruption, ReadingUnverifiedBytesIsSafe) {
  const std::string bytes = Write(SmallModel());
  // Most of the file is the bitmap of live documents, which nothing here reads.
  for (size_t at = kHeaderBytes; at < bytes.size(); at += bytes[at] == 0 ? 9 : 1) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (at % 3 == 0 ? 0xFF : 1 << at % 8));
    Mapping mapping(changed);
    const auto shard = mapping.Open(path_);
    if (shard.ok()) ReadEverything(**shard);
  }
}

// Changes bytes of a section and makes the checksums right again, as a bug in a writer would.
std::string Forge(std::string bytes, std::mt19937& random, int changes) {
  const size_t footer = bytes.size() - kFooterBytes;
  ByteReader reader(std::string_view(bytes).substr(footer), "footer");
  const uint64_t table = reader.U64();
  const uint32_t entries = reader.U32();
  for (int i = 0; i < changes; ++i) {
    // Any section but the header.
    const uint64_t entry = table + (1 + random() % (entries - 1)) * kTocEntryBytes;
    ByteReader toc(std::string_view(bytes).substr(entry, kTocEntryBytes), "table");
    toc.U64();
    const uint64_t offset = toc.U64(), length = toc.U64();
    if (length == 0) continue;
    constexpr uint8_t kInteresting[] = {0, 1, 0x7F, 0x80, 0xFF};
    char& byte = bytes[offset + random() % length];
    byte = static_cast<char>(random() % 2 == 0 ? kInteresting[random() % 5]
                                               : byte ^ (1 << random() % 8));
    const uint64_t checksum = Checksum(std::string_view(bytes).substr(offset, length));
    std::memcpy(bytes.data() + entry + 24, &checksum, sizeof(checksum));
  }
  const uint64_t checksum = Checksum(std::string_view(bytes).substr(table, footer - table));
  std::memcpy(bytes.data() + footer + 16, &checksum, sizeof(checksum));
  return bytes;
}

// A file that passes the check gives the same answers whichever way it is searched.
void SearchEveryWay(const ShardFile& shard) {
  const auto both = {ShardQuery::Term("long"), ShardQuery::Term("short")};
  const auto dense = {ShardQuery::Term("dense"), ShardQuery::Term("array")};
  for (const ShardQuery& query :
       {ShardQuery::AnyOf(both), ShardQuery::AllOf(both), ShardQuery::AnyOf(dense),
        ShardQuery::AllOf(dense), ShardQuery::Phrase({"long", "long"}),
        ShardQuery::Phrase({"long", "short"}, 2), ShardQuery::Phrase({"dense", "array"})}) {
    SearchOptions options;
    options.strategy = SearchStrategy::kExhaustive;
    const auto expected = SearchShard(shard, query, options);
    ASSERT_TRUE(expected.ok()) << expected.status();
    options.strategy = SearchStrategy::kPruned;
    for (const CpuLevel level : SupportedCpuLevels()) {
      const ScopedCpuLevel scoped(level);
      const auto found = SearchShard(shard, query, options);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(found->total, expected->total);
      ASSERT_EQ(found->hits.size(), expected->hits.size());
      for (size_t i = 0; i < found->hits.size(); ++i) {
        ASSERT_EQ(found->hits[i].doc, expected->hits[i].doc);
        ASSERT_EQ(found->hits[i].score, expected->hits[i].score);
      }
    }
  }
}

// Many changes are not noticed, as the numbers are plausible ones; but none may crash, and what the
// check lets pass must be readable, and searched alike in every way.
TEST_F(StorageCorruption, ForgedFilesAreCheckedAndReadSafely) {
  std::mt19937 random(TestSeed(20240607));
  for (const ShardModel& model : {SmallModel(), DenseModel()}) {
    const std::string bytes = Write(model);
    int refused = 0;
    for (int i = 0; i < 800; ++i) {
      Mapping mapping(Forge(bytes, random, 1 + i % 3));
      const auto shard = mapping.Open(path_);
      if (!shard.ok()) continue;
      const absl::Status status = CheckShard(**shard);
      refused += status.ok() ? 0 : 1;
      if (!status.ok()) {
        ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
      } else {
        SearchEveryWay(**shard);
        ASSERT_FALSE(HasFatalFailure());
      }
      ReadEverything(**shard);
    }
    EXPECT_GT(refused, 300);
  }
}

TEST_F(StorageCorruption, FrequenciesWhoseSumWrapsAroundAreDamage) {
  std::string bytes = Write(SmallModel());
  const uint32_t escape[] = {50, 261};  // rank and frequency, of "long"
  const size_t at = bytes.find(std::string_view(reinterpret_cast<const char*>(escape), 8));
  ASSERT_NE(at, std::string::npos);
  std::memset(bytes.data() + at + 4, 0xFF, 4);
  Mapping mapping(bytes);
  const auto shard = mapping.Open(path_);
  ASSERT_TRUE(shard.ok());
  for (const CpuLevel level : SupportedCpuLevels()) {
    const ScopedCpuLevel scoped(level);
    const auto found = SearchShard(**shard, ShardQuery::Phrase({"long", "long"}), {});
    EXPECT_EQ(found.status().code(), absl::StatusCode::kDataLoss) << found.status();
  }
}

TEST_F(StorageCorruption, AFileThatIsNoShardIsRefused) {
  EXPECT_EQ(ShardFile::Open(LocalFileSystem(), path_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenAndCheck(path_, "").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenAndCheck(path_, std::string(100000, 'x')).code(), absl::StatusCode::kDataLoss);
}

TEST_F(StorageCorruption, ANewerVersionIsNamed) {
  std::string bytes = Write(SmallModel());
  bytes[8] = 7;
  const absl::Status status = OpenAndCheck(path_, bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(status)),
              HasSubstr("format version 7 is newer than this program's 2"));
}

TEST_F(StorageCorruption, AnOlderVersionAsksForANewBuild) {
  std::string bytes = Write(SmallModel());
  bytes[8] = 1;
  const absl::Status status = OpenAndCheck(path_, bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(status)),
              HasSubstr("format version 1 is older than this program's 2; build the index again"));
}

}  // namespace
}  // namespace canopy
