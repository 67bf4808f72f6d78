// The login that a Java client's sasl.jaas.config holds:
//   org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p\"q";
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::kafka {

struct JaasLogin {
  std::string module;                                       // its last word: "PlainLoginModule"
  std::map<std::string, std::string, std::less<>> options;  // without their quotes
};

// kConfig when it is malformed. Never shows a value.
Result<JaasLogin> parse_jaas(std::string_view text);

}  // namespace millrace::kafka
