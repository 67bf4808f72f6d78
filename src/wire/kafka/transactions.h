// The transactions of a producer that has a transactional.id. The producer's thread.
//
// A call that is not done at its deadline is called again, and nothing else is until it is done.
#pragma once

#include "wire/kafka/producer.h"

namespace millrace::kafka {

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
