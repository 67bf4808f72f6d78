// Reads a whole topic as it stands now: how a compacted topic is used as a table. No consumer
// group.
#pragma once

#include <functional>
#include <string_view>

#include "wire/kafka/client.h"

namespace millrace::kafka {

// data() == nullptr: null.
using RecordVisitor = std::function<void(std::string_view key, std::string_view value)>;

// What is to become of records behind the first transaction of somebody that is still open.
enum class OpenTransactions : uint8_t {
  kLeaveOut,
  kWaitFor,  // until the deadline: kUnreachable
};

// All committed records of all partitions, each partition in its order. The topic exists.
// `properties` are a consumer's.
Result<void> read_topic(Properties properties, const std::string& topic, SteadyTime deadline,
                        const RecordVisitor& visit,
                        OpenTransactions open = OpenTransactions::kLeaveOut);

}  // namespace millrace::kafka
