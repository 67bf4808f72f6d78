// What a branch has in its dead letters, in memory: tells a change that is there already from a new
// one, and finds the letters of a row that changes again. Not thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/batch.h"

namespace millrace {

class DeadLetterIndex {
 public:
  enum class Refused : uint8_t { kNo, kBySink, kBeforeSink };  // before: by the sql or converter

  struct Entry {
    uint64_t id = 0;
    Position position;
    bool is_read = false;     // of a snapshot
    bool shaped = true;       // as LetterHead's
    bool superseded = false;  // the row has changed since
    bool replaying = false;
    Refused again = Refused::kNo;  // in the running replay
    std::string table;
    std::vector<uint64_t> rows;  // hashes of the keys before and after
  };

  // Of an open letter.
  Entry& add(uint64_t id, const Change& change, bool shaped);
  void close(uint64_t id);

  // nullptr: there is no such open letter.
  Entry* find(uint64_t id);
  Entry* find(const Change& change);
  // Also when its letter is closed.
  bool knows(const Change& change) const;

  size_t open() const { return entries_.size(); }

  // Letters, not superseded, of rows that `change` changes after them.
  std::vector<uint64_t> before(const Change& change);
  // Letters, not superseded, that a new snapshot of these tables makes void.
  std::vector<uint64_t> before_snapshot(const std::vector<SchemaPtr>& tables,
                                        bool reads_only) const;

 private:
  struct Identity {
    Position position;
    char op = 0;
    uint64_t row = 0;
    auto operator<=>(const Identity&) const = default;
  };

  static Identity identity_of(const Change& change);

  std::map<uint64_t, Entry> entries_;
  std::map<Identity, uint64_t> known_;
  std::unordered_multimap<uint64_t, uint64_t> by_row_;
  std::map<std::string, size_t, std::less<>> keyed_tables_;  // open letters with a key, by table
};

}  // namespace millrace
