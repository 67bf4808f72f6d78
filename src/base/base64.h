// Base64 with padding, as java.util.Base64's encoders write it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

constexpr size_t base64_bytes(size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

// Writes base64_bytes(bytes.size()) characters at `to`, returns their end.
char* put_base64(char* to, std::string_view bytes, bool url_safe = false);

// Standard digits, as RFC 4648 has them.
void append_base64(std::string& out, std::string_view bytes);

// Of such text; false, and some bytes appended, when it is no such text.
bool append_decoded_base64(std::string& out, std::string_view text);

}  // namespace millrace
