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
  const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(bytes[i])}; };
  const auto put = [&](uint32_t group) {
    to[0] = alphabet[group >> 18];
    to[1] = alphabet[group >> 12 & 63];
    to[2] = alphabet[group >> 6 & 63];
    to[3] = alphabet[group & 63];
    to += 4;
  };
  size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3)
    put(byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2));
  const size_t rest = bytes.size() - at;
  if (rest == 0) return to;
  put(byte(at) << 16 | (rest == 2 ? byte(at + 1) << 8 : 0));
  to[-1] = '=';
  if (rest == 1) to[-2] = '=';
  return to;
}

void append_base64(std::string& out, std::string_view bytes) {
  const size_t at = out.size();
  out.resize(at + base64_bytes(bytes.size()));
  put_base64(out.data() + at, bytes);
}

bool append_decoded_base64(std::string& out, std::string_view text) {
  if (text.size() % 4 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 4) {
    const bool is_last = i + 4 == text.size();
    const size_t digits = !is_last || text[i + 3] != '=' ? 4 : text[i + 2] != '=' ? 3 : 2;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const size_t digit = k < digits ? kStandard.find(text[i + k]) : 0;
      if (digit == std::string_view::npos) return false;
      group = group << 6 | static_cast<uint32_t>(digit);
    }
    for (size_t k = 0; k + 1 < digits; ++k)
      out += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return true;
}

}  // namespace millrace
