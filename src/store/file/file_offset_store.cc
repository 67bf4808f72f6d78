#include "store/file/file_offset_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/durable_file.h"
#include "store/file/file_lock.h"
#include "store/file/java_map.h"
#include "store/offset_map.h"

namespace millrace {

namespace {

class FileOffsetStore final : public OffsetStore {
 public:
  explicit FileOffsetStore(FileOffsetOptions options)
      : path_(std::move(options.path)), key_(offset_key(options.connector, options.server)) {}

  Result<Progress> load() override {
    // Where nothing could be stored, nothing is begun.
    if (auto ready = check_creatable(path_); !ready) return std::unexpected(ready.error());
    const auto map = read();
    if (!map) return std::unexpected(map.error());
    const auto entry = find(*map);
    if (entry == map->end() || !entry->second) return Progress{};
    auto progress = from_offset_map(*entry->second);
    if (progress) return progress;
    return fail(progress.error().kind,
                fmt::format("file {}, key {}: {}", path_, key_, progress.error().message),
                "restore the file, or remove it to begin with a snapshot");
  }

  Result<void> save(const Progress& progress) override {
    if (auto made = make_folder(); !made) return made;
    const auto lock = FileLock::take(path_);
    if (!lock) return std::unexpected(lock.error());
    auto map = read();
    if (!map) return std::unexpected(map.error());
    const auto entry = find(*map);
    if (entry == map->end()) {
      map->emplace_back(key_, to_offset_map(progress, ""));
    } else {
      entry->second = to_offset_map(progress, entry->second.value_or(""));
    }
    return replace_file(path_, write_java_map(*map));
  }

 private:
  Result<JavaMap> read() const {
    const auto bytes = read_whole_file(path_);
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return JavaMap{};
    auto map = read_java_map(**bytes);
    if (map) return map;
    return fail(
        ErrorKind::kProtocol,
        fmt::format("file {} is no offset file of Kafka Connect: {}", path_, map.error().message),
        "give another offset.storage.file.filename, or remove the file to begin with a snapshot");
  }

  template <class Map>
  auto find(Map& map) const -> decltype(map.begin()) {
    return std::find_if(map.begin(), map.end(),
                        [&](const auto& entry) { return entry.first == key_; });
  }

  Result<void> make_folder() const {
    const auto folder = std::filesystem::path(path_).parent_path();
    std::error_code error;
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    if (error) return std::unexpected(io_error("create", folder.string(), error.value()));
    return {};
  }

  const std::string path_;
  const std::string key_;
};

}  // namespace

std::unique_ptr<OffsetStore> make_file_offset_store(FileOffsetOptions options) {
  return std::make_unique<FileOffsetStore>(std::move(options));
}

}  // namespace millrace
