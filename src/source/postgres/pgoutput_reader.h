// Reads one message of pgoutput (proto_version 1), the payload of an XLogData.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
// Views point into the payload. Row images are read in a second step, because their meaning needs
// the table: rows of tables that nobody captures are never looked at.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "event/change.h"
#include "source/postgres/binary_text.h"

namespace millrace::pgoutput {

struct Begin {
  Lsn commit_lsn = 0;     // start of the commit record ("final LSN")
  int64_t commit_us = 0;  // Unix microseconds
  uint32_t xid = 0;
};

struct Commit {
  Lsn commit_lsn = 0;
  Lsn end_lsn = 0;
  int64_t commit_us = 0;
};

struct RelationColumn {
  std::string_view name;
  uint32_t type = 0;
  int32_t typmod = -1;
  bool identity = false;
};

struct Relation {
  uint32_t oid = 0;
  std::string_view schema;
  std::string_view name;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::vector<RelationColumn> columns;
};

// Insert, update or delete (Op tells); `images` are for read_images.
struct Row {
  Op op = Op::kCreate;
  uint32_t relation = 0;
  std::string_view images;
};

struct Truncate {
  std::vector<uint32_t> relations;
};

// A type outside pg_catalog; the catalogue knows more of it, so nothing is read.
struct Type {};

struct Origin {};

struct LogicalMessage {
  bool transactional = false;
  Lsn lsn = 0;
  std::string_view prefix;
  std::string_view content;
};

using Message = std::variant<Begin, Commit, Relation, Row, Truncate, Type, Origin, LogicalMessage>;

// `at` is the XLogData's start, for the error: kProtocol.
Result<Message> read_message(std::string_view payload, Lsn at);

// How the values of a table's images are given on.
struct TupleShape {
  // `of` outlives it. binary_version: of the server, where it sends binary; else 0.
  explicit TupleShape(const TableSchema& of, int binary_version = 0);

  // The first column that is given on, though its type is not known in binary.
  const Column* unreadable() const;

  const TableSchema& table;
  std::vector<bool> hidden;       // not captured and not in the key: kAbsent
  std::vector<bool> outside_key;  // in 'K' images kAbsent as well: outside the replica identity
  std::vector<binary::Render> renders;  // of what comes in binary; null: not known
};

struct Images {
  Tuple before;
  Tuple after;
  size_t rendered = 0;  // bytes of the texts that were made of binary values
};

// The images' values point into row.images, or into the arena where their text was made of binary
// (binary_text.h); their Datum arrays lie in the arena. Under REPLICA IDENTITY FULL, what `after`
// lacks (unchanged TOAST) is taken from `before`.
Result<Images> read_images(const Row& row, const TupleShape& shape, Arena& arena, Lsn at);

// Microseconds since 2000-01-01, as the protocol gives times, to Unix microseconds, and back.
inline constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;

// A time that no clock shows wraps around.
inline int64_t unix_us(uint64_t postgres_us) {
  return static_cast<int64_t>(postgres_us + static_cast<uint64_t>(kPostgresEpochUs));
}

}  // namespace millrace::pgoutput
