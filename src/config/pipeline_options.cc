#include "config/pipeline_options.h"

namespace millrace {

std::string listen_address(std::string_view text) {
  if (text.empty()) return "";
  int64_t port = 0;
  const size_t colon = text.rfind(':');
  const bool numeric = colon != std::string_view::npos &&
                       set_value(port, text.substr(colon + 1)).empty() && port >= 0 && port < 65536;
  return numeric ? "" : "must be HOST:PORT, as 127.0.0.1:9187";
}

std::string at_least_4_mib(std::string_view text) {
  Bytes bytes;
  std::string wrong = set_value(bytes, text);
  if (wrong.empty() && bytes.value < 4 << 20) wrong = "must be at least 4MiB";
  return wrong;
}

}  // namespace millrace
