// What is read from the slot: its own stream, and beside it one for each branch that catches up, on
// a temporary copy of the slot. Used by one thread.
//
// They take turns. The slot's own stream is the one that counts: its errors are those of next(),
// while a branch whose stream is lost is only no longer among catching_up().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/batch.h"
#include "source/postgres/catalogue_lookup.h"
#include "source/postgres/postgres_source.h"
#include "source/postgres/session.h"
#include "source/postgres/slot_reader.h"

namespace millrace {

class SlotStreams {
 public:
  struct Callbacks {
    std::function<bool(std::string_view prefix)> captures_message;
    std::function<void()> on_heartbeat;
  };

  // All outlive it.
  SlotStreams(const PostgresSourceOptions& options, CatalogueLookup& lookup, Callbacks callbacks)
      : options_(options), lookup_(lookup), callbacks_(std::move(callbacks)) {}

  // The slot's own stream, on session.replication, from session.from.
  Result<void> start(Session& session);

  bool has_started() const { return own_.has_value(); }

  // A stream for branch `index` alone, from `from`. Only while the slot's own one is read.
  Result<void> catch_up(const Session& session, size_t index, const Offset& from);
  void end_catch_up(size_t index);
  uint64_t catching_up() const;

  // The next batch, or null when none came before the deadline. Nothing for the branches of `full`
  // that catch up.
  Result<std::shared_ptr<Batch>> next(SteadyTime deadline, uint64_t full);

  // One of them was read in binary and can only go on in text: all are to be started again so.
  bool needs_text() const { return needs_text_; }

  // The slot's own stream: see SlotReader. Logs it.
  bool is_swollen() const;

  Result<void> confirm(Lsn lsn);
  Result<void> close();
  void disconnect();

  Lsn server_lsn() const { return own_->server_lsn(); }

  Lsn confirmed() const { return own_->confirmed(); }

  // Where the last batch of the slot's own stream stands.
  const Position& published() const { return own_->published(); }

  // The slot's own stream has asked the server whether it is there.
  bool waits_for_answer() const { return own_->waits_for_answer(); }

 private:
  struct Beside {
    size_t index;
    SlotReader reader;
  };

  Result<SlotReader> open(postgres::Connection connection, const std::string& slot,
                          const Session& session, const Offset& from,
                          SlotReaderOptions reading) const;
  void lost(size_t at, const Error& why);

  const PostgresSourceOptions& options_;
  CatalogueLookup& lookup_;
  const Callbacks callbacks_;
  std::optional<SlotReader> own_;
  std::vector<std::unique_ptr<Beside>> beside_;
  bool needs_text_ = false;
  size_t turn_ = 0;  // 0: the slot's own; i: beside_[i - 1]
};

}  // namespace millrace
