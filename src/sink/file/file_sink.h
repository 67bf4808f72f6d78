// Appends a line of JSON a record to one file, exactly once. Takes BatchView::records.
//
// Beside the file stands FILE.progress, replaced atomically after the lines it speaks of are
// synced:
//   {"version":1,"length":1234,"streams":{"slot":{…Offset…}}}
// open() cuts the file to that length: what stands behind it was never reported durable and comes
// again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "config/field.h"
#include "sink/sink.h"

namespace millrace {

enum class FileFormat : uint8_t { kRecord, kValue };

template <>
struct EnumNames<FileFormat> {
  static constexpr std::pair<std::string_view, FileFormat> values[] = {
      {"record", FileFormat::kRecord}, {"value", FileFormat::kValue}};
};

struct FileSinkConfig {
  std::string path;
  FileFormat format = FileFormat::kRecord;
  int64_t flush_ms = 100;
};

inline constexpr FieldSpec kFileSinkFields[] = {
    field<&FileSinkConfig::path>(
        "file.path",
        {.doc =
             "File that lines are appended to. Made when it does not exist; its progress is kept "
             "beside it in PATH.progress.",
         .required = true,
         .importance = Importance::kHigh}),
    field<&FileSinkConfig::format>("file.format",
                                   {.doc = "record: {\"topic\",\"key\",\"value\",\"headers\"} a "
                                           "line. value: only the value a line; "
                                           "null for a tombstone."}),
    field<&FileSinkConfig::flush_ms>(
        "file.flush.ms",
        {.doc =
             "Lines are synced to the disk at most this often (milliseconds), and when they hold a "
             "quarter of memory.max.",
         .importance = Importance::kLow,
         .check = at_least<1>}),
};

std::unique_ptr<Sink> make_file_sink(const FileSinkConfig& config, const SinkContext& context);

// What FILE.progress says; changes nothing.
Result<std::optional<Progress>> stored_file_progress(const FileSinkConfig& config);

// Whether the file and its progress can be used as they stand, for `millrace check`. Changes
// neither.
Problems check_file_sink(const FileSinkConfig& config);

}  // namespace millrace
