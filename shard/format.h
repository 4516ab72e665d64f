// Constants of the shard file: magic numbers, sections, sizes, limits. docs/shard_format.md says
// what they mean; a change there comes first, with a higher kFormatVersion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace canopy {

// History: 1 first version. 2 bounds of words instead of windows.
inline constexpr uint32_t kFormatVersion = 2;

inline constexpr std::string_view kHeaderMagic = "CANOPYSH";
inline constexpr std::string_view kFooterMagic = "CANOPYFT";
inline constexpr size_t kHeaderBytes = 64;
inline constexpr size_t kTocEntryBytes = 32;
inline constexpr size_t kFooterBytes = 32;
inline constexpr size_t kSectionAlignment = 64;

// In the order in which they stand in the file. Each is followed by padding, so that kernels can
// read the lengths of 64 documents from every multiple of 64 on.
enum class SectionId : uint32_t {
  kHeader = 1,
  kStored,
  kPostings,
  kPositions,
  kDictionary,
  kDictionaryKeys,
  kDictionaryPlaces,
  kLengths,
  kFieldSpans,
  kFieldSpanPlaces,
  kFieldSpanBases,
  kStoredDirectory,
  kIds,
  kIdPlaces,
  kIdBases,
  kIdBuckets,
  kIdDocs,
  kLiveDocs,
  kStatistics,
};
inline constexpr uint32_t kSectionIds = 20;  // ids are below it

// The name that error messages use; "unknown" for a number that is no section.
constexpr std::string_view SectionName(SectionId id) {
  constexpr std::string_view kNames[kSectionIds] = {"unknown",
                                                    "header",
                                                    "stored",
                                                    "postings",
                                                    "positions",
                                                    "dictionary",
                                                    "dictionary_keys",
                                                    "dictionary_places",
                                                    "lengths",
                                                    "field_spans",
                                                    "field_span_places",
                                                    "field_span_bases",
                                                    "stored_directory",
                                                    "ids",
                                                    "id_places",
                                                    "id_bases",
                                                    "id_buckets",
                                                    "id_docs",
                                                    "live_docs",
                                                    "statistics"};
  const auto number = static_cast<uint32_t>(id);
  return kNames[number < kSectionIds ? number : 0];
}

inline constexpr uint32_t kDictionaryBlockTerms = 16;
inline constexpr uint32_t kMaxShortPostings = 128;  // df up to it: the short form
inline constexpr uint32_t kLongHeaderBytes = 8;
inline constexpr uint32_t kContainerEntryBytes = 16;
inline constexpr uint32_t kContainerReservedBytes = 2;  // the last ones of an entry
inline constexpr uint32_t kWindowRanksBytes = 512;
inline constexpr uint32_t kWindowDirectoryBytes = kWindowRanksBytes + 1024;
inline constexpr uint32_t kBitsetBytes = 8192;
inline constexpr uint8_t kArrayContainer = 0;
inline constexpr uint8_t kBitsetContainer = 1;
inline constexpr uint32_t kPositionBlockPostings = 128;
inline constexpr size_t kStoredBlockBytes =
    16 << 10;  // before compression; a block ends with the record that reaches it
inline constexpr size_t kStoredDirectoryEntryBytes = 16;

inline constexpr uint64_t kMaxDocsPerShard = 0xFFFFFFFF;
inline constexpr size_t kMaxDictionaryTermBytes = 255;
inline constexpr uint64_t kMaxDocTokens = 0x7FFFFFFF;
inline constexpr uint32_t kMaxFields = 65535;
inline constexpr size_t kMaxExternalIdBytes = 65535;
inline constexpr uint64_t kMaxStoredRecordBytes = 1 << 30;
inline constexpr uint64_t kMaxPositionBytesPerTerm = 0xFFFFFFFF;
inline constexpr uint64_t kMaxDictionaryBytes = 0xFFFFFFFF;

constexpr uint64_t AlignUp(uint64_t offset, uint64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

}  // namespace canopy
