// What a run of changes of one table comes to: per key its last state, or, for a table without a
// key, how many equal rows came and went. Pure; no I/O. Rows point into the batches, which outlive
// the net.
//
// The key is the identity that the server sends with updates and deletes: the primary key under
// REPLICA IDENTITY DEFAULT or FULL, the index's columns under INDEX. A table without one is a
// multiset of rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "event/change.h"

namespace millrace::duckdb {

// Indices into TableSchema::columns; empty = multiset.
std::vector<uint16_t> mirror_key(const TableSchema& table);

struct NetRow {
  enum class State : uint8_t {
    kVoid,    // came and went
    kGone,    // delete it; only the key's values count
    kStored,  // write it; kUnchanged values stay as they are stored
  };
  State state = State::kVoid;
  bool is_new = false;  // cannot be stored yet: came in a snapshot that emptied the table
  int64_t count = 0;    // multiset: rows to add (> 0) or to take away (< 0)
  const Change* change = nullptr;  // the last one
  const Datum* values = nullptr;   // as many as the table has columns
};

class TableNet {
 public:
  // `table` outlives the net.
  explicit TableNet(const TableSchema& table);

  enum class Added : uint8_t {
    kDone,
    // A key changed and a value of the row is only known where it is stored: execute the net, then
    // move the stored row (old_key_row() → the change), then go on.
    kMove,
    // A row that cannot be found: the server did not send its key, or not the whole row of a
    // multiset.
    kNoIdentity,
  };

  // A row change of this table. `is_new`: see NetRow.
  Added add(const Change& change, bool is_new);

  // Everything stored so far is gone, and what was added.
  void truncate();

  bool is_truncated() const { return truncated_; }

  bool empty() const { return rows_.empty() && !truncated_; }

  const std::vector<NetRow>& rows() const { return rows_; }

  const std::vector<uint16_t>& key() const { return key_; }

  void clear();

 private:
  Added add_keyed(const Change& change, bool is_new);
  Added add_update(const Change& change);
  Added add_multiset(const Change& change);
  bool count_row(const Datum* values, const Change& change, int64_t by);
  // The bytes that stand for the key (for the row, of a multiset); false when a value of it is
  // unknown.
  bool key_of(const Datum* values, const Datum* otherwise, std::string& out) const;
  NetRow& row_at(const std::string& key);
  const Datum* resolve(const Change& change, const NetRow* stored);

  const TableSchema& table_;
  const std::vector<uint16_t> key_;
  std::vector<uint16_t> identity_;  // key_, or all captured columns
  Arena arena_{nullptr};
  std::vector<NetRow> rows_;
  std::unordered_map<std::string, size_t> index_;
  bool truncated_ = false;
};

}  // namespace millrace::duckdb
