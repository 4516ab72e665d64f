#include "shard/generation.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "base/byte_io.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr std::string_view kGenerationPrefix = "gen-";
constexpr size_t kGenerationDigits = 6;

std::string ToHex(uint64_t checksum) { return absl::StrFormat("%016x", checksum); }

// Takes values out of a JSON object. The first one that is missing or of another type makes
// status() DATA_LOSS for good, and later ones give zero or nothing.
class ObjectReader final {
 public:
  ObjectReader(const nlohmann::json& object, std::string where)
      : object_(object), where_(std::move(where)) {
    if (!object.is_object()) Fail("is not an object");
  }

  uint64_t Number(const char* key) {
    const nlohmann::json* value = Find(key);
    if (value == nullptr) return 0;
    if (value->is_number_unsigned()) return value->get<uint64_t>();
    Fail(Concat(key, " is not a number"));
    return 0;
  }
  std::string String(const char* key) {
    const nlohmann::json* value = Find(key);
    if (value == nullptr) return "";
    if (value->is_string()) return value->get<std::string>();
    Fail(Concat(key, " is not a string"));
    return "";
  }
  uint64_t Checksum(const char* key) {
    const std::string text = String(key);
    uint64_t checksum = 0;
    const bool hex =
        text.size() == 16 && absl::SimpleHexAtoi(text, &checksum) && ToHex(checksum) == text;
    if (!hex) Fail(Concat(key, " is not 16 hexadecimal digits"));
    return checksum;
  }
  const nlohmann::json& Array(const char* key) {
    static const nlohmann::json kEmpty = nlohmann::json::array();
    const nlohmann::json* value = Find(key);
    if (value == nullptr) return kEmpty;
    if (value->is_array()) return *value;
    Fail(Concat(key, " is not an array"));
    return kEmpty;
  }

  const absl::Status& status() const { return status_; }

 private:
  // Null after an error.
  const nlohmann::json* Find(const char* key) {
    if (!status_.ok()) return nullptr;
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    Fail(Concat(key, " is missing"));
    return nullptr;
  }
  void Fail(std::string_view problem) {
    if (status_.ok()) status_ = absl::DataLossError(Concat(where_, ": ", problem));
  }

  const nlohmann::json& object_;
  const std::string where_;
  absl::Status status_;
};

bool IsFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

absl::StatusOr<GenerationInfo::Shard> DecodeShard(const nlohmann::json& object,
                                                  const std::string& where) {
  ObjectReader reader(object, where);
  GenerationInfo::Shard shard;
  shard.file = reader.String("file");
  shard.size_bytes = reader.Number("size_bytes");
  shard.checksum = reader.Checksum("checksum");
  shard.docs = reader.Number("docs");
  shard.terms = reader.Number("terms");
  shard.postings = reader.Number("postings");
  RETURN_IF_ERROR(reader.status());
  if (!IsFileName(shard.file))
    return absl::DataLossError(Concat(where, ": \"", shard.file, "\" is not a file name"));
  return shard;
}

// Unset when the manifest, one of version 1, has none.
absl::StatusOr<std::optional<GenerationInfo::TermBoundsFile>> DecodeTermBounds(
    const nlohmann::json& manifest, const std::string& path) {
  const auto object = manifest.find("term_bounds");
  if (object == manifest.end()) return std::nullopt;
  const std::string where = Concat(path, ": term_bounds");
  ObjectReader reader(*object, where);
  GenerationInfo::TermBoundsFile bounds;
  bounds.file = reader.String("file");
  bounds.size_bytes = reader.Number("size_bytes");
  bounds.checksum = reader.Checksum("checksum");
  RETURN_IF_ERROR(reader.status());
  if (!IsFileName(bounds.file))
    return absl::DataLossError(Concat(where, ": \"", bounds.file, "\" is not a file name"));
  return bounds;
}

absl::Status DecodeShards(const nlohmann::json& array, const std::string& path,
                          GenerationInfo& generation) {
  if (array.empty() || array.size() > UINT32_MAX) {
    return absl::DataLossError(Concat(path, ": ", array.size(), " shards"));
  }
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string where = Concat(path, ": shard ", i);
    ASSIGN_OR_RETURN(GenerationInfo::Shard shard, DecodeShard(array[i], where));
    const uint64_t docs =
        DocsInShard(generation.docs, static_cast<ShardId>(i), static_cast<uint32_t>(array.size()));
    if (shard.docs != docs) {
      return absl::DataLossError(
          Concat(where, ": ", shard.docs, " documents, expected ", docs, " of ", generation.docs));
    }
    generation.shards.push_back(std::move(shard));
  }
  return absl::OkStatus();
}

// Only then is anything else that the manifest says of use.
absl::Status CheckManifestVersion(const nlohmann::json& manifest, const std::string& path) {
  ObjectReader reader(manifest, path);
  const uint64_t version = reader.Number("version");
  RETURN_IF_ERROR(reader.status());
  if (version > kManifestVersion) {
    return absl::FailedPreconditionError(Concat(
        path, ": manifest version ", version, " is newer than this program's ", kManifestVersion));
  }
  if (version == 0) return absl::DataLossError(Concat(path, ": manifest version ", version));
  return absl::OkStatus();
}

}  // namespace

std::string GenerationName(uint64_t number) {
  return absl::StrFormat("%s%0*d", ToAbsl(kGenerationPrefix), static_cast<int>(kGenerationDigits),
                         number);
}

std::optional<uint64_t> ParseGenerationName(std::string_view name) {
  if (!name.starts_with(kGenerationPrefix)) return std::nullopt;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(name.substr(kGenerationPrefix.size())), &number))
    return std::nullopt;
  if (GenerationName(number) != name) return std::nullopt;  // a sign, blanks, other digits
  return number;
}

std::string ShardFileName(ShardId shard, uint32_t num_shards) {
  return absl::StrFormat("shard-%04d-of-%04d.canopy", shard, num_shards);
}

uint64_t GenerationInfo::CollectionChecksum() const {
  std::string checksums;
  ByteWriter writer(checksums);
  for (const Shard& shard : shards) writer.U64(shard.checksum);
  if (term_bounds) writer.U64(term_bounds->checksum);
  return Checksum(checksums);
}

uint64_t GenerationInfo::SizeBytes() const {
  uint64_t bytes = term_bounds ? term_bounds->size_bytes : 0;
  for (const Shard& shard : shards) bytes += shard.size_bytes;
  return bytes;
}

std::string EncodeManifest(const GenerationInfo& generation) {
  nlohmann::ordered_json manifest;
  manifest["version"] = kManifestVersion;
  manifest["generation"] = generation.number;
  manifest["docs"] = generation.docs;
  manifest["tokens"] = generation.tokens;
  manifest["analyzer"] = generation.analyzer;
  manifest["analyzer_version"] = generation.analyzer_version;
  manifest["fields"] = generation.fields;
  manifest["checksum"] = ToHex(generation.CollectionChecksum());
  manifest["shards"] = nlohmann::ordered_json::array();
  for (const GenerationInfo::Shard& shard : generation.shards) {
    manifest["shards"].push_back({{"file", shard.file},
                                  {"size_bytes", shard.size_bytes},
                                  {"checksum", ToHex(shard.checksum)},
                                  {"docs", shard.docs},
                                  {"terms", shard.terms},
                                  {"postings", shard.postings}});
  }
  if (generation.term_bounds) {
    manifest["term_bounds"] = {{"file", generation.term_bounds->file},
                               {"size_bytes", generation.term_bounds->size_bytes},
                               {"checksum", ToHex(generation.term_bounds->checksum)}};
  }
  // Field names come from users; a byte that is not UTF-8 must not throw.
  return manifest.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::StatusOr<GenerationInfo> DecodeManifest(std::string_view json, const std::string& path) {
  const nlohmann::json manifest = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (manifest.is_discarded()) return absl::DataLossError(Concat(path, ": not a JSON object"));
  RETURN_IF_ERROR(CheckManifestVersion(manifest, path));
  ObjectReader reader(manifest, path);
  GenerationInfo generation;
  generation.number = reader.Number("generation");
  generation.docs = reader.Number("docs");
  generation.tokens = reader.Number("tokens");
  generation.analyzer = reader.String("analyzer");
  generation.analyzer_version = static_cast<uint32_t>(reader.Number("analyzer_version"));
  for (const nlohmann::json& field : reader.Array("fields")) {
    if (!field.is_string()) return absl::DataLossError(Concat(path, ": a field is not a string"));
    generation.fields.push_back(field.get<std::string>());
  }
  const uint64_t checksum = reader.Checksum("checksum");
  const nlohmann::json& shards = reader.Array("shards");
  RETURN_IF_ERROR(reader.status());
  RETURN_IF_ERROR(DecodeShards(shards, path, generation));
  ASSIGN_OR_RETURN(generation.term_bounds, DecodeTermBounds(manifest, path));
  if (checksum != generation.CollectionChecksum()) {
    return absl::DataLossError(Concat(path, ": checksum ", ToHex(checksum), ", expected ",
                                      ToHex(generation.CollectionChecksum())));
  }
  return generation;
}

absl::StatusOr<std::string> ReadCurrentName(FileSystem& files, const std::string& index) {
  const std::string path = Concat(index, "/", kCurrentName);
  absl::StatusOr<std::string> content = ReadFile(files, path);
  if (absl::IsNotFound(content.status())) {
    return absl::NotFoundError(
        Concat(index, files.Exists(index) ? " is not an index directory: it has no CURRENT file"
                                          : ": no such directory"));
  }
  RETURN_IF_ERROR(content.status());
  std::string name = *std::move(content);
  const bool newline = !name.empty() && name.back() == '\n';
  if (newline) name.pop_back();
  if (!newline || !ParseGenerationName(name)) {
    return absl::DataLossError(
        Concat(path, ": does not hold the name of a generation and a newline"));
  }
  return name;
}

absl::StatusOr<GenerationInfo> ReadGeneration(FileSystem& files, const std::string& index,
                                              const std::string& name) {
  const std::string directory = Concat(index, "/", name);
  const std::string path = Concat(directory, "/", kManifestName);
  const absl::StatusOr<std::string> json = ReadFile(files, path);
  if (absl::IsNotFound(json.status())) return absl::DataLossError(Concat(path, ": missing"));
  RETURN_IF_ERROR(json.status());
  ASSIGN_OR_RETURN(GenerationInfo generation, DecodeManifest(*json, path));
  if (GenerationName(generation.number) != name) {
    return absl::DataLossError(Concat(path, ": says generation ", generation.number));
  }
  generation.directory = directory;
  return generation;
}

absl::StatusOr<GenerationInfo> ReadCurrentGeneration(FileSystem& files, const std::string& index) {
  ASSIGN_OR_RETURN(const std::string name, ReadCurrentName(files, index));
  return ReadGeneration(files, index, name);
}

absl::StatusOr<std::unique_ptr<ShardFile>> OpenShard(FileSystem& files,
                                                     const GenerationInfo& generation,
                                                     ShardId shard) {
  const GenerationInfo::Shard& expected = generation.shards[shard];
  const std::string path = generation.PathOf(expected);
  absl::StatusOr<std::unique_ptr<ShardFile>> file = ShardFile::Open(files, path);
  if (absl::IsNotFound(file.status())) return absl::DataLossError(Concat(path, ": missing"));
  RETURN_IF_ERROR(file.status());
  const ShardFile& found = **file;
  if (found.size_bytes() != expected.size_bytes || found.checksum() != expected.checksum) {
    return absl::DataLossError(Concat(path, ": ", found.size_bytes(), " bytes with checksum ",
                                      ToHex(found.checksum()), ", the manifest says ",
                                      expected.size_bytes, " with ", ToHex(expected.checksum)));
  }
  if (found.shard() != shard || found.stats().num_shards != generation.num_shards() ||
      found.docs() != expected.docs) {
    return absl::DataLossError(Concat(path, ": shard ", found.shard(), " of ",
                                      found.stats().num_shards, " with ", found.docs(),
                                      " documents, the manifest says ", shard, " of ",
                                      generation.num_shards(), " with ", expected.docs));
  }
  return file;
}

absl::StatusOr<std::unique_ptr<TermBounds>> OpenTermBounds(FileSystem& files,
                                                           const GenerationInfo& generation) {
  if (!generation.term_bounds) return std::unique_ptr<TermBounds>();
  const GenerationInfo::TermBoundsFile& expected = *generation.term_bounds;
  const std::string path = Concat(generation.directory, "/", expected.file);
  absl::StatusOr<std::unique_ptr<TermBounds>> opened = TermBounds::Open(files, path);
  if (absl::IsNotFound(opened.status())) return absl::DataLossError(Concat(path, ": missing"));
  RETURN_IF_ERROR(opened.status());
  const TermBounds& found = **opened;
  if (found.size_bytes() != expected.size_bytes || found.checksum() != expected.checksum ||
      found.num_shards() != generation.num_shards() || found.docs() != generation.docs) {
    return absl::DataLossError(Concat(
        path, ": ", found.size_bytes(), " bytes with checksum ", ToHex(found.checksum()), " for ",
        found.num_shards(), " shards and ", found.docs(), " documents, the manifest says ",
        expected.size_bytes, " with ", ToHex(expected.checksum), " for ", generation.num_shards(),
        " and ", generation.docs));
  }
  return opened;
}

}  // namespace canopy
