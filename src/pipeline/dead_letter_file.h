// The file of a branch's refused changes: lines of JSON, appended only, by one process at a time.
// A letter's line (dead_letter_text.h) has an id; what became of letters stands in lines behind:
//
//   {"mark":"superseded","ids":[7],"by":"0/15D7000"}   the row has changed since
//   {"mark":"replay","number":3,"ids":[7,8]}           these are being tried again
//   {"mark":"again","ids":[8],"message":"…"}           and were refused again: they stay
//   {"mark":"delivered","ids":[7]}                     done
//   {"mark":"dropped","ids":[9]}                       given up by a person
//   {"mark":"next","id":10,"number":3}                 first line after a clean-up
//
// A torn or damaged line counts for nothing. Settled letters leave the file at a clean-up.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/durable_file.h"

namespace millrace {

using LetterIds = std::vector<uint64_t>;

// What the marks of a file come to.
struct LetterMarks {
  struct Again {
    uint64_t times = 0;
    std::string message;
  };

  std::map<uint64_t, uint64_t> size;           // of every letter's line, settled ones too
  std::set<uint64_t> settled;                  // delivered or dropped
  std::map<uint64_t, std::string> superseded;  // by which LSN
  std::map<uint64_t, Again> again;
  uint64_t next_id = 1;
  uint64_t replay = 0;   // number of the last one
  LetterIds unfinished;  // its letters of which nothing is known

  size_t open() const { return size.size() - settled.size(); }
};

// No file: no letters.
Result<LetterMarks> read_letter_marks(const std::string& path);

// Calls `take` for every letter that is in the file, settled or not, in its order.
Result<void> for_each_letter(
    const std::string& path,
    const std::function<Result<void>(uint64_t id, const std::string& line)>& take);

std::string mark_line(std::string_view mark, std::span<const uint64_t> ids,
                      std::string_view more = {});

// Writes such a file. Made (mode 0600) by the first append. Not thread safe.
class DeadLetterFile {
 public:
  explicit DeadLetterFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }

  // For writing; append() does it too.
  Result<void> open();

  // Bytes in the file once it is open.
  uint64_t size() const { return file_.size(); }

  // Whole lines, durably; on an error none of them.
  Result<void> append(std::string_view lines);

  // Rewrites the file without its settled letters.
  Result<void> clean_up();

 private:
  const std::string path_;
  AppendFile file_;
};

}  // namespace millrace
