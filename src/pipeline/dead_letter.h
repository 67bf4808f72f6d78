// Where refused changes go: a file of JSON lines, one a change, appended and synced by flush().
//
//   {"ts":"2026-01-02T03:04:05.678Z","pipeline":"shop","branch":"mail","reason":"data",
//    "message":"…","cure":"…","op":"u","lsn":"0/15D6B88","commit_lsn":"0/15D6BC0","ordinal":3,
//    "xid":741,"table":"public.products","key":["sku"],"before":{…}|null,"after":{…}|null}
//
// A row is {"column": value}: a string is the value's text; null is NULL; {"unchanged":true} a
// TOASTed value that the update did not touch; {"binary":"<base64>"} PostgreSQL's binary form;
// {"base64":"…"} text that is not valid UTF-8. Columns that were not sent are left out. Row values
// stand here, for this file is data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/durable_file.h"
#include "sink/sink.h"

namespace millrace {

struct DeadLetterOptions {
  std::string path;
  std::string pipeline;
  std::string branch;
  uint64_t max_bytes = 64 * 1024 * 1024;  // dead.letter.max.bytes
};

// The file is made by the first flush() that has something to write.
class FileDeadLetters final : public DeadLetters {
 public:
  explicit FileDeadLetters(DeadLetterOptions options) : options_(std::move(options)) {}

  Result<void> add(const Change& change, const Error& why) override;

  // kIo when the file would grow past max_bytes: a flood means that something is wrong with the
  // branch, so it stops.
  Result<void> flush() override;

  // Changes that flush() has made durable since this object was made, for /metrics.
  uint64_t count() const { return count_; }

 private:
  const DeadLetterOptions options_;
  AppendFile file_;
  std::string pending_;
  uint64_t pending_count_ = 0;
  uint64_t count_ = 0;
};

// What a list of refused changes shows of each; `json` is the whole line.
struct DeadLetter {
  std::string ts;
  std::string branch;
  std::string reason;
  std::string message;
  std::string table;
  std::string op;
  std::string lsn;
  std::string json;
};

// Calls `take` for each letter in the order of the file; a torn last line is left out. No file: no
// letters.
Result<void> read_dead_letters(const std::string& path,
                               const std::function<void(const DeadLetter&)>& take);

}  // namespace millrace
