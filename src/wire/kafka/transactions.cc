#include "wire/kafka/transactions.h"

#include <librdkafka/rdkafka.h>

#include "wire/kafka/errors.h"

namespace millrace::kafka {

namespace {

// librdkafka asks its own thread for every step: a call that gives up before that one had a turn
// would begin anew each time.
constexpr int kLeastMs = 20;

struct FreeError {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};

// False: it goes on, and is to be asked again.
Result<bool> outcome(rd_kafka_error_t* told, const char* what) {
  const std::unique_ptr<rd_kafka_error_t, FreeError> error(told);
  if (error == nullptr) return true;
  if (rd_kafka_error_is_retriable(error.get()) != 0) return false;
  Error out = error_of(rd_kafka_error_code(error.get()),
                       std::string("kafka, to ") + what + " transactions");
  out.message += std::string(" (") + rd_kafka_error_string(error.get()) + ")";
  return std::unexpected(std::move(out));
}

}  // namespace

Result<bool> Transactions::init(SteadyTime deadline) {
  return outcome(
      rd_kafka_init_transactions(producer_.client().handle(), left_ms(deadline, kLeastMs)),
      "prepare");
}

Result<void> Transactions::begin() {
  const auto begun = outcome(rd_kafka_begin_transaction(producer_.client().handle()), "begin");
  if (!begun) return std::unexpected(begun.error());
  if (!*begun) return fail(ErrorKind::kUnreachable, "kafka: a transaction cannot begin now");
  return {};
}

Result<bool> Transactions::commit(SteadyTime deadline) {
  return outcome(
      rd_kafka_commit_transaction(producer_.client().handle(), left_ms(deadline, kLeastMs)),
      "commit");
}

}  // namespace millrace::kafka
