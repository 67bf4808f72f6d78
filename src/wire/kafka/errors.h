// librdkafka's error codes → our closed list.
#pragma once

#include <string>

#include "base/error.h"

namespace millrace::kafka {

// `code` is a rd_kafka_resp_err_t; `what` says what was being done ("topic t, partition 3").
//   kUnreachable   network, time-outs, leaders moving, a fatal producer error: try again
//                  (with a new producer)
//   kBusy          librdkafka's queue is full
//   kUnauthorized  login or rights
//   kNotFound      topic or partition that does not exist
//   kRefused       fenced: a newer producer has our transactional.id
//   kVersion       brokers that know no transactions
//   kData          the broker or librdkafka refuses the record
//   kConfig        settings that the cluster does not allow
Error error_of(int code, const std::string& what);

}  // namespace millrace::kafka
