// The hot path without servers: a recorded stream becomes batches, and those become records, as a
// pipeline does it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "convert/converter.h"
#include "convert/json/json_config.h"
#include "event/batch.h"
#include "tests/support/recorded_stream.h"

namespace millrace::bench {

class HotPath {
 public:
  // The values of a …_binary.stream are in binary. Ends the program where the file cannot be read.
  explicit HotPath(const std::string& stream_file);
  ~HotPath();

  HotPath(const HotPath&) = delete;
  HotPath& operator=(const HotPath&) = delete;

  size_t events() const { return events_; }

  // Of the messages' payloads.
  size_t bytes() const { return bytes_; }

  // The whole stream once more, in batches of kBatchBytes. As in one connection, a table is
  // announced in the first pass only.
  std::vector<BatchPtr> decode();

 private:
  static constexpr size_t kBatchBytes = 256 * 1024;
  struct Connection;

  std::vector<RecordedMessage> messages_;
  std::unique_ptr<Connection> connection_;
  size_t events_ = 0;
  size_t bytes_ = 0;
};

// The batches' and the records', together.
MemoryBudget& budget();

std::unique_ptr<Converter> json(bool schemas);

// The records of the batches; gives their bytes.
size_t encode(const std::vector<BatchPtr>& batches, Converter& converter);

}  // namespace millrace::bench
