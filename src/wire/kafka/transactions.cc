#include "wire/kafka/transactions.h"

#include <librdkafka/rdkafka.h>

#include "wire/kafka/errors.h"

namespace millrace::kafka {

namespace {

// librdkafka asks its own thread for every step: a call that gives up before that one had a turn
// would begin anew each time.
constexpr int kLeastMs = 20;
constexpr int kLeaveMs = 500;

struct FreeError {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};

using OwnedError = std::unique_ptr<rd_kafka_error_t, FreeError>;

rd_kafka_resp_err_t code_of(rd_kafka_error_t* told) {
  const OwnedError error(told);
  return rd_kafka_error_code(error.get());  // of none: no error
}

// False: it goes on, and is to be asked again.
Result<bool> outcome(rd_kafka_error_t* told, const char* what) {
  const OwnedError error(told);
  if (error == nullptr) return true;
  if (rd_kafka_error_is_retriable(error.get()) != 0) return false;
  Error out = error_of(rd_kafka_error_code(error.get()),
                       std::string("kafka, to ") + what + " transactions");
  out.message += std::string(" (") + rd_kafka_error_string(error.get()) + ")";
  return std::unexpected(std::move(out));
}

}  // namespace

void leave_transaction(rd_kafka_s* handle) {
  // Of an abort the first step is enough: librdkafka's main thread leaves the transaction. It does
  // so before it hears of the next call, which waits for it.
  const auto aborted = code_of(rd_kafka_abort_transaction(handle, 0));
  if (aborted == RD_KAFKA_RESP_ERR__NOT_CONFIGURED || aborted == RD_KAFKA_RESP_ERR__INVALID_ARG) {
    return;  // none of its kind
  }
  if (aborted != RD_KAFKA_RESP_ERR__CONFLICT) {
    static_cast<void>(code_of(rd_kafka_begin_transaction(handle)));
    return;
  }
  // A commit goes on. Either all has been delivered, so that the partitions are registered, or it
  // fails because the rest was purged.
  static_cast<void>(code_of(rd_kafka_commit_transaction(handle, kLeaveMs)));
}

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
