// Where a change stands in a source, and what a branch has made durable.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "event/table_set.h"
#include "event/unread_keys.h"

namespace millrace {

// A byte position in PostgreSQL's write-ahead log; 0 = none ("0/0" is never valid).
using Lsn = uint64_t;

// "16/B374D848", PostgreSQL's own form, and back (nullopt when it is not one).
std::string format_lsn(Lsn lsn);
std::optional<Lsn> parse_lsn(std::string_view text);

// Order of changes within the slot's stream. `ordinal` counts, from 1, every row, truncate and
// message that the server sends in the transaction, before any filter of ours (I2). {0, 0} is
// before all.
struct Position {
  Lsn commit_lsn = 0;    // LSN of the transaction's commit record (pgoutput Begin: final_lsn)
  uint64_t ordinal = 0;  // UINT64_MAX: all of the transaction, and whatever commits before it

  auto operator<=>(const Position&) const = default;
};

enum class SnapshotPhase : uint8_t { kNone, kRunning, kCompleted };

// Where a stream stands: what is stored, by a sink with its data or by a store, and given back at
// the next start. Made of what Debezium's offset is made of, and our ordinal (I2).
struct Offset {
  Position position;
  Lsn lsn = 0;       // of the last event (XLogData start)
  Lsn lsn_proc = 0;  // last completely processed event LSN: Debezium's start position
  Lsn lsn_commit =
      0;  // end LSN of the last transaction that is complete at `position`: may be confirmed
  // End LSN of the last transaction (0 = none was streamed yet), where lsn_commit stands elsewhere:
  // the next event tells it, also after a restart.
  std::optional<Lsn> last_commit;
  uint32_t xid = 0;
  int64_t commit_us = 0;  // Unix microseconds
  std::string
      message_type;  // Debezium's messageType: BEGIN INSERT UPDATE DELETE COMMIT TRUNCATE MESSAGE
  SnapshotPhase snapshot = SnapshotPhase::kNone;
  bool last_snapshot_record = false;
  // The server that the LSNs belong to (I10); 0 = unknown (Debezium wrote last).
  uint64_t system_id = 0;
  uint32_t timeline = 0;
  // Of the slot's stream: the tables that this progress is of. Unknown where Debezium wrote last,
  // and in the batches of the stream itself.
  TableSet tables;
  // Of a table's stream whose snapshot is being read by key chunks.
  UnreadKeys unread;
  // Of a table's stream that is complete: the slot's stream has passed it, and its changes are left
  // out until that is read again from there.
  bool stands_still = false;

  bool operator==(const Offset&) const = default;
};

// One line of JSON with stable member names: how a sink stores an Offset with its data.
std::string to_json(const Offset& offset);
std::optional<Offset> offset_from_json(std::string_view json);

// Streams. What a branch has is a position in the slot's stream, and one of its own for each table
// that stands elsewhere:
//   "slot"       the slot's own stream
//   "snapshot"   a snapshot of all the branch's tables: kRunning makes void whatever was known
//   before,
//                kCompleted is the position at which the slot's stream goes on
//   "table:OID"  one table. kRunning: its snapshot is being read, its changes are left out;
//   lsn_commit
//                is where the first attempt at it began. kCompleted: it has all up to that position
//                (lsn 0: just what "slot" says). kNone: no longer captured.
//                kRunning by key chunks (Offset::unread): what is read has all changes up to the
//                position; those that commit before `until` are not left out
inline constexpr std::string_view kSlotStream = "slot";
inline constexpr std::string_view kSnapshotStream = "snapshot";
// Refused changes that are tried again. Its positions say how many replays there were, and stand
// above those of all changes.
inline constexpr std::string_view kReplayStream = "replay";
inline constexpr Lsn kReplayBase = Lsn{1} << 63;

std::string table_stream(uint32_t oid);
// nullopt: not a table's stream.
std::optional<uint32_t> table_of_stream(std::string_view stream);

using Progress = std::map<std::string, Offset, std::less<>>;

}  // namespace millrace
