#include "base/base64.h"

#include <cstdint>

namespace millrace {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

char* put_base64(char* to, std::string_view bytes, bool url_safe) {
  const std::string_view alphabet = url_safe ? kUrlSafe : kStandard;
  const auto byte = [&](size_t i) -> uint32_t {
    return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0;
  };
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    *to++ = alphabet[group >> 18];
    *to++ = alphabet[group >> 12 & 63];
    *to++ = i + 1 < bytes.size() ? alphabet[group >> 6 & 63] : '=';
    *to++ = i + 2 < bytes.size() ? alphabet[group & 63] : '=';
  }
  return to;
}

}  // namespace millrace
