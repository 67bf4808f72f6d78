// What a Java client is configured with, as librdkafka takes it: names, values and defaults differ.
// Debezium's and Connect's users know Java's names, so these are the vocabulary; librdkafka's stay
// inside wire/kafka.
//
// A setting may stand bare ("linger.ms"), or for one kind of client ("producer.linger.ms",
// "consumer.…"), or as a connector's own ("producer.override.linger.ms"); the later in this list
// wins.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "config/field.h"
#include "config/settings.h"

namespace millrace::kafka {

enum class ClientRole : uint8_t { kProducer, kConsumer };

// librdkafka's names and values; has secrets, so never to be logged.
using Properties = std::map<std::string, std::string, std::less<>>;

// Adds to `problems` what is wrong (errors) and what only a Java client has (warnings). Pure: no
// network, no file. bootstrap.servers is not checked to be there.
Properties client_properties(const Settings& settings, ClientRole role, std::string_view key_prefix,
                             Problems& problems);

// Every setting that client_properties() reads, for find_unknown(); prefixes end with '*'.
std::span<const std::string_view> client_property_names();

// A problem of one of these settings (`key` is its name), told where it stands: at the name that
// wins.
Problem client_problem(const Settings& settings, ClientRole role, std::string_view key_prefix,
                       Problem problem);

// What a property says; `otherwise` where it is not there, or is no number.
int64_t number_of(const Properties& properties, std::string_view name, int64_t otherwise);

}  // namespace millrace::kafka
