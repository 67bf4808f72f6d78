// The transactions of a producer that has a transactional.id. The producer's thread.
//
// A call that is not done at its deadline is called again, and nothing else is until it is done.
#pragma once

#include "wire/kafka/producer.h"

namespace millrace::kafka {

// Called before a handle is destroyed, whether it has transactions or not: it registers no more
// partitions from then on. librdkafka (2.0.2; 2.15 too) counts a registration after it has
// handed it to the coordinator's thread, and that one answers it by itself once the handle is being
// destroyed; an answer that comes before it was counted fails an assertion.
void leave_transaction(rd_kafka_s* handle);

class Transactions {
 public:
  // The producer outlives it.
  explicit Transactions(Producer& producer) : producer_(producer) {}

  // Once, before the first begin(): fences older producers of the same transactional.id, and ends
  // what they have begun. False: not done yet.
  Result<bool> init(SteadyTime deadline);

  // What is produced from now on is in the transaction.
  Result<void> begin();

  // Sends what lingers, waits for its delivery, and commits. False: not done yet. After an error it
  // is not known whether all of it or nothing of it is there: a new producer's init() settles that.
  Result<bool> commit(SteadyTime deadline);

 private:
  Producer& producer_;
};

}  // namespace millrace::kafka
