// Java's client settings by name, and what becomes of each in librdkafka.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::kafka {

enum class PropertyRule : uint8_t {
  kSame,         // the value as it stands
  kNumber,       // a whole number, cut to [min, max]
  kLowerCase,    // SASL_SSL → sasl_ssl
  kKibibytes,    // bytes → KiB, rounded up
  kEmptyIsNone,  // "" → none
  kLevel,        // compression.<type>.level: counts only beside that compression.type
  kAcks,         // only "all" keeps what we promise
  kLogin,        // sasl.jaas.config
  kStore,        // ssl.truststore.*, ssl.keystore.*: understood together
  kIgnored,  // only a Java client has it, or it would weaken the delivery: a warning that says why
};

struct PropertyRow {
  std::string_view java;
  std::string_view rdkafka;
  PropertyRule rule = PropertyRule::kSame;
  bool producer_only = false;
  int64_t min = 0;
  int64_t max = 2147483647;
  std::string_view why = {};  // of kIgnored
};

std::span<const PropertyRow> property_table();
const PropertyRow* find_property(std::string_view java_name);

}  // namespace millrace::kafka
