// A slot's stream, cut into batches.
//
// A batch closes when it is full, when nothing more has come for a moment (a little longer within a
// transaction), or after a few milliseconds. A large transaction spans many batches. A transaction
// that some branches have had whole is in a batch whose audience leaves them out; of the one
// transaction that a branch has had in part, it drops by position.
//
// When nothing is in flight and the position moved (keepalives, transactions without captured
// rows), it gives a batch without changes: at most one in idle_interval, or after a second where
// the server asks. A heartbeat has the position of what came before it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "event/batch.h"
#include "source/postgres/change_decoder.h"
#include "source/postgres/replication_stream.h"

namespace millrace {

struct SlotReaderOptions {
  MemoryBudget* budget = nullptr;
  size_t batch_bytes = 256 * 1024;
  bool moves_when_idle = true;
  Millis idle_interval{10000};
  Millis heartbeat_interval{0};  // 0: none
  std::function<void()> on_heartbeat;
  SystemIdentity server;             // for the batches' offsets
  uint64_t audience = ~uint64_t{0};  // the branches that have a place in the stream
  std::vector<Lsn> floors;           // of each branch: it has all that commits before
  bool catch_up = false;             // Batch::catch_up
  bool binary = false;               // what the stream was asked for
  Lsn waited_for = 0;                // a batch is due once this is reached, also an empty one
};

class SlotReader {
 public:
  SlotReader(ReplicationStream stream, ChangeDecoder decoder, SlotReaderOptions options);

  // The next batch, or null when none came before the deadline. After an error the reader is of no
  // more use; nor is it once needs_text().
  Result<std::shared_ptr<Batch>> next(SteadyTime deadline);

  // It was read in binary, and there is a type that can only be read in text: what is not in a
  // batch yet has to be read again so.
  bool needs_text() const { return needs_text_; }

  // Opened again, it would need much less memory; and it can be at once.
  bool is_swollen() const { return stream_.is_swollen() && !decoder_.in_transaction() && !holds_; }

  Result<void> confirm(Lsn lsn) { return stream_.confirm(lsn); }

  Result<void> close() { return stream_.close(); }

  Lsn server_lsn() const { return stream_.server_lsn(); }

  Lsn confirmed() const { return stream_.confirmed(); }

  bool waits_for_answer() const { return stream_.waits_for_answer(); }

  // Where the last batch stands.
  const Position& published() const { return published_; }

 private:
  bool turns_to_text(const Error* error);
  Result<bool> take(const StreamMessage& message, Batch& batch);
  SteadyTime read_until(const Batch& batch, SteadyTime deadline) const;
  bool is_idle_due(SteadyTime now) const;
  SteadyTime idle_due() const;
  bool has_come();
  bool is_heartbeat_due(SteadyTime now) const;
  void beat(Batch& batch);
  std::shared_ptr<Batch> seal(std::shared_ptr<Batch> batch);
  uint64_t audience_at(Lsn commit_lsn) const;

  ReplicationStream stream_;
  ChangeDecoder decoder_;
  const SlotReaderOptions options_;
  uint64_t audience_;   // of the transaction that is being read
  StreamMessage held_;  // a message that needs a new batch; payload: held_payload_
  std::string held_payload_;
  bool holds_ = false;
  Position published_;
  SteadyTime published_at_;
  SteadyTime oldest_until_;  // when the batch that is being filled becomes too old
  SteadyTime heartbeat_due_;
  bool asked_ = false;
  bool needs_text_ = false;
  Lsn reached_ = 0;            // all that commits before was sent
  bool is_awaited_;            // options_.waited_for was not reached yet
  size_t changes_before_ = 0;  // of the last batch: the next has about as many
};

}  // namespace millrace
