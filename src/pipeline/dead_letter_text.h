// A refused change as one line of JSON, and that line as a change again.
//
//   {"id":7,"ts":"2026-01-02T03:04:05.678Z","pipeline":"shop","branch":"mail","reason":"data",
//    "message":"…","cure":"…","op":"u","lsn":"0/15D6B88","commit_lsn":"0/15D6BC0","ordinal":3,
//    "xid":741,"table":"public.products","key":{"sku":"a1"},"before":{…}|null,"after":{…}|null,
//    "stage":"sink","event":{…},"layout":{…}}
//
// A row is {"column": value}: a string is the value's text; null is NULL; {"unchanged":true} a
// TOASTed value that the update did not touch; {"base64":"…"} text that is not valid UTF-8. Columns
// that were not sent are left out. `key` is the row's, {} for a table without one. `event` and
// `layout` (the table's schema as of the change) are what a replay needs beside; stage "sql" means
// that the branch's sql has not made it yet.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/batch.h"

namespace millrace {

struct LetterHead {
  uint64_t id = 0;
  std::string_view pipeline;
  std::string_view branch;
  bool shaped = true;  // the branch's transforms have made the change; else they refused it
};

// With its newline.
std::string letter_line(const LetterHead& head, const Change& change, const Error& why);

// The id of a letter's line; nullopt when the line is none.
std::optional<uint64_t> letter_id(std::string_view line);

// Turns lines into changes of a batch, which gets their bytes and schemas.
class LetterReader {
 public:
  explicit LetterReader(Batch& batch) : batch_(batch) {}

  // kData: the line is damaged. *shaped: as in its head.
  Result<Change> read(const std::string& line, bool* shaped);

 private:
  Batch& batch_;
  std::map<std::string, SchemaPtr, std::less<>> schemas_;  // by the layout's text
};

}  // namespace millrace
