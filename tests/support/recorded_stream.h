// A recorded replication stream (tests/streams/record.py makes them): LSN and payload of each
// XLogData, in order.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/byte_reader.h"
#include "source/postgres/relation_cache.h"

namespace millrace {

struct RecordedMessage {
  Lsn lsn = 0;
  std::string payload;
};

// Empty where the file cannot be read.
inline std::vector<RecordedMessage> recorded_stream(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string text = bytes.str();
  std::vector<RecordedMessage> out;
  for (ByteReader in(text); in.left() > 0;) {
    RecordedMessage& message = out.emplace_back();
    message.lsn = in.u64();
    message.payload = in.bytes(in.u32());
  }
  return out;
}

// A catalogue that knows no table more than the stream itself says.
class StreamAlone : public TableLookup {
 public:
  bool captures_table(std::string_view, std::string_view) const override { return true; }

  bool captures_column(std::string_view, std::string_view, std::string_view) const override {
    return true;
  }

  Result<std::optional<TableSchema>> table(uint32_t) override { return std::nullopt; }

  Result<ColumnType> type(uint32_t, int32_t) override { return ColumnType{}; }
};

}  // namespace millrace
