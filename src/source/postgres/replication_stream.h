// A slot's stream: START_REPLICATION, XLogData and keepalives in, standby status out.
// https://www.postgresql.org/docs/current/protocol-replication.html
//
// Standby status goes out on its own timer, whether there is something to read or not, so that the
// server (wal_sender_timeout) never takes a reader that waits for its queues for a dead one. What
// it says was flushed comes from confirm() alone. A server that says nothing although it was asked
// is behind a network that is gone without a word: silence_limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct StreamOptions {
  std::string slot;
  std::string publication;
  std::string more_params;        // "k=v;k=v"
  bool binary = false;            // rows in binary where their types have such a form
  Lsn start = 0;                  // 0: where the slot is
  Millis status_interval{10000};  // already bounded by wal_sender_timeout
  Millis silence_limit{0};  // the server is given up when it says nothing for so long; 0: never
};

struct StreamMessage {
  bool keepalive = false;
  bool reply_asked =
      false;    // keepalive: the server waits for our position (it may be shutting down)
  Lsn lsn = 0;  // XLogData: where the change starts; keepalive: end of what the server has decoded
  int64_t sent_us = 0;       // the server's clock, Unix microseconds
  std::string_view payload;  // XLogData; lives until the next read
};

// The command, for the server's version; options of ours first.
std::string start_replication_command(const StreamOptions& options, int server_version);

class ReplicationStream {
 public:
  static Result<ReplicationStream> start(postgres::Connection connection,
                                         const StreamOptions& options);

  // The next message, or nullopt at the deadline. Sends standby status whenever it is due.
  Result<std::optional<StreamMessage>> read(SteadyTime deadline);

  // The last message's payload is not needed any more.
  void free_message() { connection_.free_message(); }

  // libpq keeps the memory of its largest message as long as the connection stands. True: it is
  // much, and nothing as large has come for some seconds.
  bool is_swollen() const;

  // Everything before `lsn` is durable; never moves back. Sends status when it is due, or at once
  // when `lsn` moved and a second has passed.
  Result<void> confirm(Lsn lsn);

  // Says the last confirmed position and ends the stream.
  Result<void> close();

  Lsn server_lsn() const { return server_lsn_; }

  Lsn confirmed() const { return confirmed_; }

  // The last error of read(): the server has a type that it cannot send in binary.
  bool refused_binary() const;

  // The server was quiet, was asked, and has not answered yet.
  bool waits_for_answer() const { return asked_ != SteadyTime{}; }

 private:
  ReplicationStream(postgres::Connection connection, const StreamOptions& options);
  Result<std::optional<StreamMessage>> decode(std::string_view message);
  Result<void> send_status(bool wants_reply = false);

  postgres::Connection connection_;
  Millis status_interval_;
  Millis silence_limit_;
  SteadyTime heard_;       // when the server said something last
  SteadyTime large_at_{};  // when a large message came last; {}: never
  SteadyTime asked_;       // when it was asked first since then; {}: not yet
  SteadyTime status_due_;
  SteadyTime status_sent_;
  Lsn received_ = 0;
  Lsn server_lsn_ = 0;
  Lsn confirmed_ = 0;
  Lsn confirmed_sent_ = 0;
};

struct SystemIdentity {
  uint64_t system_id = 0;
  uint32_t timeline = 0;
  Lsn lsn = 0;  // end of WAL
};

Result<SystemIdentity> identify_system(postgres::Connection& replication);

// The history file of the server's timeline; empty on the first one.
Result<std::string> timeline_history(postgres::Connection& replication, uint32_t timeline);

// Where `timeline` ended, from the history file; nullopt when it is no
// ancestor.
std::optional<Lsn> end_of_timeline(std::string_view history, uint32_t timeline);

}  // namespace millrace
