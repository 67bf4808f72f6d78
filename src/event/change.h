// One change of one row, or a truncate, a logical message, a transaction's begin or end. Plain
// data.
#pragma once

#include <cstdint>
#include <string_view>

#include "event/position.h"
#include "event/schema.h"
#include "event/value.h"

namespace millrace {

enum class Op : char {
  kCreate = 'c',
  kUpdate = 'u',
  kDelete = 'd',
  kRead = 'r',  // a row of a snapshot
  kTruncate = 't',
  kMessage = 'm',  // pg_logical_emit_message
  kBegin = 'B',    // only with provide.transaction.metadata
  kCommit = 'E',
  kHeartbeat = 'H',  // heartbeat.interval.ms
};

inline bool is_row(Op op) {
  return op == Op::kCreate || op == Op::kUpdate || op == Op::kDelete || op == Op::kRead;
}

// source.snapshot of the event (kFalse while streaming).
enum class SnapshotMarker : uint8_t { kFalse, kFirst, kFirstInTable, kTrue, kLastInTable, kLast };

// All views and pointers point into the batch (its arena, its schemas) and die with it.
struct Change {
  Op op = Op::kCreate;
  SnapshotMarker snapshot = SnapshotMarker::kFalse;
  bool transactional = true;           // kMessage
  uint32_t xid = 0;                    // 0 = none (a message outside a transaction)
  const TableSchema* table = nullptr;  // rows and truncates
  Tuple before;
  Tuple after;
  Position position;         // in its stream; kBegin: ordinal 0; kCommit: ordinal UINT64_MAX
  Lsn lsn = 0;               // start LSN of the message itself (XLogData.dataStart)
  Lsn last_commit_lsn = 0;   // end LSN of the transaction before; 0 = none yet
  Lsn end_lsn = 0;           // kCommit: end LSN of this transaction
  int64_t commit_us = 0;     // commit time, Unix microseconds; kRead: when the snapshot was taken
  std::string_view prefix;   // kMessage
  std::string_view content;  // kMessage

  // The image that says what the row is (or was).
  const Tuple& row() const { return after ? after : before; }
};

}  // namespace millrace
