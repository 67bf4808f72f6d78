// Turns the stream's messages into changes, with their positions (I2).
//
// Positions. A row, truncate or message of a transaction has {LSN of the commit record, ordinal}.
// Between transactions a position that comes from the server ("everything before LSN x was sent")
// is {x - 1, UINT64_MAX}: a transaction's commit record can start at x itself, and is still to
// come. So it is with a logical message outside transactions, whose LSN is the end of its record:
// {LSN - 1, 1}.
//
// Resuming where Debezium stopped (its offsets have no position; reference: Debezium's
// WalPositionLocator). What commits before lsn_commit was delivered. In the transaction of the
// offset's xid all events before its LSN were; of those at that very LSN (COPY writes many rows
// under one) it is not known how many, so they come again, unless there is one only. Where the
// offset was written for a BEGIN or COMMIT the LSN is the next event's: that one comes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/batch.h"
#include "source/postgres/relation_cache.h"
#include "source/postgres/replication_stream.h"

namespace millrace {

struct DecoderOptions {
  bool transaction_markers = false;
  // message.prefix.include/exclude.list
  std::function<bool(std::string_view prefix)> captures_message;
  int binary_version = 0;  // of the server, where it sends rows in binary; 0: it sends text
};

// Why the stream cannot go on in binary.
struct UnreadableColumn {
  std::string table;
  std::string column;
  std::string type;
};

class ChangeDecoder {
 public:
  // `from`: where the stream starts. Without a position it is Debezium's, and resumed by the rule
  // above.
  // A decoder is of one connection; `lookup` outlives it.
  ChangeDecoder(TableLookup& lookup, DecoderOptions options, const Offset& from);

  // From now on decode() fills this batch.
  void start_batch() { ++batch_number_; }

  // Appends what the XLogData holds.
  Result<void> decode(const StreamMessage& at, Batch& batch);

  // The server has sent everything that commits before `wal_end`. True when that moved the
  // position.
  bool advance(Lsn wal_end);

  bool in_transaction() const { return in_transaction_; }

  // Whether the batch's last changes may still be taken back (see "resuming"): it must not be
  // closed now.
  bool undecided() const { return tied_events_ > 0; }

  // What the changes decoded since take, roughly; only grows.
  size_t bytes() const { return bytes_; }

  // Set by a Relation: its rows cannot be read in binary, and nothing may be decoded any more.
  const std::optional<UnreadableColumn>& unreadable() const { return unreadable_; }

  // Where the stream stands: Batch::offset.
  Offset offset() const;

  Lsn last_commit() const { return last_commit_; }

 private:
  Result<void> relation(const pgoutput::Relation& relation, Lsn at);
  Result<void> begin(const pgoutput::Begin& begin, const StreamMessage& at, Batch& batch);
  Result<void> commit(const pgoutput::Commit& commit, const StreamMessage& at, Batch& batch);
  Result<void> row(const pgoutput::Row& row, const StreamMessage& at, Batch& batch);
  Result<void> truncate(const pgoutput::Truncate& truncate, const StreamMessage& at, Batch& batch);
  Result<void> message(const pgoutput::LogicalMessage& message, const StreamMessage& at,
                       Batch& batch);
  bool next_event(const StreamMessage& at, std::string_view type);
  void note_last_commit();
  Result<void> require_transaction(std::string_view what, Lsn at) const;
  Change change(Op op, const StreamMessage& at) const;
  void append(const Change& change, size_t bytes, Batch& batch);
  void use(StreamTable& table, Batch& batch);
  void settle_ties(Batch& batch);

  RelationCache relations_;
  DecoderOptions options_;
  std::optional<UnreadableColumn> unreadable_;
  Offset offset_;  // message_type stands in type_
  std::string_view type_;
  Lsn floor_ = 0;                   // no server position below it counts
  Lsn delivered_ = 0;               // Debezium delivered what commits before it
  std::optional<Offset> debezium_;  // until the transaction that it lies in has passed
  bool in_transaction_ = false;
  bool skipped_ = false;       // the transaction: Debezium delivered it
  bool resumes_here_ = false;  // the transaction that Debezium's offset lies in
  size_t tied_events_ = 0;
  size_t tied_changes_ = 0;
  int64_t commit_us_ = 0;
  uint32_t xid_ = 0;
  Lsn last_commit_ = 0;
  uint64_t batch_number_ = 0;
  size_t bytes_ = 0;
};

}  // namespace millrace
