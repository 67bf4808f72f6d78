// The transaction that a Kafka sink writes into: when it begins, when it ends, and the progress
// that is stored in it, so that either all of it is there or nothing (exactly once).
//
// One thread. Where it cannot be known whether a commit has happened (no answer, a fatal error),
// the sink is opened again: a new producer ends what the old one has begun, and the stored progress
// tells.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "event/position.h"
#include "sink/kafka/exactly_once.h"
#include "sink/kafka/in_flight.h"
#include "wire/kafka/transactions.h"

namespace millrace {

class Transaction {
 public:
  // `max_bytes`: of batches that a transaction may hold, without what is let go.
  Transaction(ExactlyOnce config, size_t max_bytes)
      : config_(std::move(config)), max_bytes_(max_bytes) {}

  // What a producer of ours is to have beside its own settings.
  void adjust(kafka::Properties& properties);

  // Another producer; the old one is gone. It outlives the next call of use().
  void use(kafka::Producer& producer);

  // Shuts older producers out. False: not yet; records can be written once it is true.
  Result<bool> prepare(SteadyTime deadline);

  // What is stored. After prepare().
  Result<Progress> load();

  // Before its records: how late they are says whether commits are to come soon or to be few.
  void note(const BatchView& view);

  // Before a record is produced. kBusy: not yet.
  Result<void> begin();

  // A record was: how long the first took says how soon a transaction may follow another.
  void delivered();

  // No more batches are to be handed over until it is committed, or has room again because what
  // came back was let go.
  bool is_full(const InFlight& in_flight) const {
    return is_committing_ || in_flight.handed_bytes() >= max_bytes_ || is_over();
  }

  bool is_committing() const { return is_committing_; }

  // What is not handed over yet waits for room, or for the next one. batch_by_batch: each batch has
  // its own.
  bool holds_back(InFlight& in_flight, bool batch_by_batch) const;

  // Whether it is time to commit; only at a boundary of batches.
  bool is_due(InFlight& in_flight, bool at_once) const;

  // It has been open for as long as it may.
  bool is_over() const;

  // Commits what is handed over, with the progress over it. False: not done yet, to be called
  // again. After true it is durable.
  Result<bool> commit(const InFlight& in_flight, SteadyTime deadline);

  // What stands behind an error of the producer. One that the brokers' own end of a transaction
  // caused may pass; that of another instance may not.
  Error judge(const Error& told);

 private:
  Result<void> produce_progress(const InFlight& in_flight);
  Result<void> produce_offset(const std::string& map);
  std::optional<Error> failure();

  const ExactlyOnce config_;
  const size_t max_bytes_;
  Millis timeout_{};
  kafka::Producer* producer_ = nullptr;
  std::optional<kafka::Transactions> transactions_;
  int32_t partition_ = 0;  // of the offset topic
  bool is_ready_ = false;
  bool is_open_ = false;
  bool is_committing_ = false;
  bool is_heard_ = false;  // a delivery, since it was begun
  Progress stored_;
  Progress next_;                 // what the transaction stores
  std::string stored_map_;        // as Debezium and we write it
  std::string next_map_;          // librdkafka points to it until the commit
  int64_t newest_commit_us_ = 0;  // in the database; of the changes that were noted
  SteadyTime noted_{};            // when they came
  SteadyTime begun_{};
  SteadyTime commit_begun_{};
  SteadyTime ended_{};
  std::chrono::microseconds gap_{4000};                      // between two transactions
  SteadyTime::duration shortest_ = std::chrono::seconds(1);  // until a first delivery; of late
  SteadyTime rests_until_{};  // so that commits do not take all the time
};

}  // namespace millrace
