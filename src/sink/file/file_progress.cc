#include "sink/file/file_progress.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/durable_file.h"
#include "base/json_text.h"

namespace millrace {

namespace {

constexpr uint64_t kVersion = 1;

std::optional<Progress> parse_streams(simdjson::dom::element root) {
  simdjson::dom::object streams;
  if (root["streams"].get_object().get(streams) != simdjson::SUCCESS) return std::nullopt;
  Progress progress;
  for (const auto& [stream, value] : streams) {
    auto offset = offset_from_json(simdjson::to_string(value));
    if (!offset) return std::nullopt;
    progress.emplace(stream, *offset);
  }
  return progress;
}

Failure unreadable(const std::string& path) {
  return fail(ErrorKind::kIo, fmt::format("\"{}\" is not a progress file of millrace", path),
              "restore it from a backup, or move it and its data file away to start anew");
}

}  // namespace

std::string to_json(const FileProgress& progress) {
  std::string out =
      fmt::format(R"({{"version":{},"length":{},"streams":{{)", kVersion, progress.length);
  bool first = true;
  for (const auto& [stream, offset] : progress.streams) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, stream);
    out += ':';
    out += to_json(offset);
  }
  out += "}}\n";
  return out;
}

Result<std::optional<FileProgress>> read_file_progress(const std::string& path) {
  auto text = read_whole_file(path);
  if (!text) return Failure(text.error());
  if (!*text) return std::nullopt;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(**text).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return unreadable(path);
  }
  uint64_t version = 0;
  FileProgress progress;
  if (root["version"].get_uint64().get(version) != simdjson::SUCCESS) return unreadable(path);
  if (version != kVersion) {
    return fail(ErrorKind::kVersion, fmt::format("\"{}\" has version {}", path, version),
                "use the millrace that wrote it, or a newer one");
  }
  auto streams = parse_streams(root);
  if (!streams || root["length"].get_uint64().get(progress.length) != simdjson::SUCCESS) {
    return unreadable(path);
  }
  progress.streams = std::move(*streams);
  return progress;
}

}  // namespace millrace
