#include "convert/json/decimal.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <vector>

namespace millrace {

namespace {

// Beyond what PostgreSQL's numeric can be (131072 digits before the point, 16383 behind it): such a
// number would only be written out as that many zeros.
constexpr int64_t kExponentMax = 150000;
constexpr size_t kMoneyDigits = 19;  // of 2^63
constexpr int64_t kGroupDigits = 3;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void trim_leading_zeros(std::string& digits) {
  const size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos)
    digits = "0";
  else
    digits.erase(0, first);
}

bool is_zero(const Decimal& decimal) {
  return decimal.digits == "0";
}

// digits + 1, as a decimal string.
void increment(std::string& digits) {
  size_t i = digits.size();
  while (i > 0 && digits[i - 1] == '9')
    digits[--i] = '0';
  if (i == 0)
    digits.insert(digits.begin(), '1');
  else
    ++digits[i - 1];
}

// Base 2^32 limbs, the lowest first, of a decimal string. Valid until the thread's next call: their
// room is kept, so that a value allocates nothing.
const std::vector<uint32_t>& limbs_of(std::string_view digits) {
  thread_local std::vector<uint32_t> limbs;
  limbs.clear();
  constexpr size_t kChunk = 9;
  for (size_t at = 0; at < digits.size();) {
    const size_t size = (digits.size() - at) % kChunk == 0 ? kChunk : (digits.size() - at) % kChunk;
    uint32_t chunk = 0;
    std::from_chars(digits.data() + at, digits.data() + at + size, chunk);
    uint64_t carry = chunk;
    for (uint32_t& limb : limbs) {
      carry += uint64_t{limb} * 1000000000U;
      limb = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs.push_back(static_cast<uint32_t>(carry));
    at += size;
  }
  return limbs;
}

// Cuts what only repeats the sign from the front of a two's complement number.
void shorten(std::string& bytes) {
  size_t first = 0;
  while (first + 1 < bytes.size()) {
    const bool next_negative = (static_cast<uint8_t>(bytes[first + 1]) & 0x80U) != 0;
    const auto byte = static_cast<uint8_t>(bytes[first]);
    if (byte != (next_negative ? 0xff : 0)) break;
    ++first;
  }
  bytes.erase(0, first);
}

}  // namespace

bool parse_decimal(std::string_view text, Decimal& to) {
  to.negative = false;
  to.digits.clear();
  to.scale = 0;
  size_t i = 0;
  if (text.starts_with('-') || text.starts_with('+')) {
    to.negative = text.front() == '-';
    i = 1;
  }
  const auto digits_from = [&] {
    const size_t start = i;
    while (i < text.size() && is_digit(text[i]))
      ++i;
    to.digits.append(text.substr(start, i - start));
    return static_cast<int64_t>(i - start);
  };
  digits_from();
  if (i < text.size() && text[i] == '.') {
    ++i;
    to.scale = digits_from();
  }
  if (to.digits.empty()) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int32_t exponent = 0;
    const auto end = std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    if (end.ec != std::errc() || std::abs(int64_t{exponent}) > kExponentMax) return false;
    i = static_cast<size_t>(end.ptr - text.data());
    to.scale -= exponent;
  }
  trim_leading_zeros(to.digits);
  if (is_zero(to)) to.negative = false;
  return i == text.size();
}

bool parse_money(std::string_view text, Decimal& to) {
  to.negative = false;
  to.digits.clear();
  char last = 0;      // the last point or comma between digits
  bool both = false;  // there are points and commas
  int64_t after = 0;  // digits after the last one
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '-' || c == '(') to.negative = true;
    const bool separates = (c == '.' || c == ',') && i > 0 && i + 1 < text.size() &&
                           is_digit(text[i - 1]) && is_digit(text[i + 1]);
    if (separates) {
      both = both || (last != 0 && last != c);
      last = c;
      after = 0;
    }
    if (!is_digit(c)) continue;
    to.digits += c;
    ++after;
  }
  if (to.digits.empty()) return false;
  const bool is_fraction = last != 0 && (after != kGroupDigits || both);
  to.scale = is_fraction ? after : 0;
  trim_leading_zeros(to.digits);
  if (is_zero(to)) to.negative = false;
  return to.digits.size() <= kMoneyDigits;
}

bool set_scale(Decimal& decimal, int64_t scale, Rounding rounding) {
  if (scale >= decimal.scale) {
    if (!is_zero(decimal)) decimal.digits.append(static_cast<size_t>(scale - decimal.scale), '0');
    decimal.scale = scale;
    return true;
  }
  const auto drop = static_cast<size_t>(decimal.scale - scale);
  std::string& digits = decimal.digits;
  if (digits.size() < drop) digits.insert(0, drop - digits.size(), '0');
  const std::string_view lost = std::string_view(digits).substr(digits.size() - drop);
  const bool exact = lost.find_first_not_of('0') == std::string_view::npos;
  if (!exact && rounding == Rounding::kUnnecessary) return false;
  const bool up = lost.front() >= '5';
  digits.resize(digits.size() - drop);
  if (up) increment(digits);
  trim_leading_zeros(digits);
  if (is_zero(decimal)) decimal.negative = false;
  decimal.scale = scale;
  return true;
}

void strip_fraction_zeros(Decimal& decimal) {
  if (is_zero(decimal)) {
    decimal.scale = 0;
    return;
  }
  if (decimal.scale < 0) set_scale(decimal, 0, Rounding::kUnnecessary);
  while (decimal.scale > 0 && decimal.digits.back() == '0') {
    decimal.digits.pop_back();
    --decimal.scale;
  }
}

void unscaled_bytes(const Decimal& decimal, std::string& out) {
  out.clear();
  constexpr size_t kInt64Digits = 18;
  if (decimal.digits.size() <= kInt64Digits) {
    int64_t value = 0;
    std::from_chars(decimal.digits.data(), decimal.digits.data() + decimal.digits.size(), value);
    if (decimal.negative) value = -value;
    for (int shift = 56; shift >= 0; shift -= 8)
      out += static_cast<char>(value >> shift & 0xff);
    shorten(out);
    return;
  }
  out += '\0';
  const std::vector<uint32_t>& limbs = limbs_of(decimal.digits);
  for (auto limb = limbs.rbegin(); limb != limbs.rend(); ++limb) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(*limb >> shift & 0xff);
  }
  if (decimal.negative) {
    bool carry = true;
    for (auto byte = out.rbegin(); byte != out.rend(); ++byte) {
      *byte = static_cast<char>(~*byte);
      if (carry) *byte = static_cast<char>(*byte + 1);
      carry = carry && *byte == 0;
    }
  }
  shorten(out);
}

void append_plain(const Decimal& decimal, std::string& out) {
  if (decimal.negative) out += '-';
  const std::string& digits = decimal.digits;
  if (decimal.scale <= 0) {
    out += digits;
    if (!is_zero(decimal)) out.append(static_cast<size_t>(-decimal.scale), '0');
    return;
  }
  const auto scale = static_cast<size_t>(decimal.scale);
  if (digits.size() > scale) {
    out.append(digits, 0, digits.size() - scale);
    out += '.';
    out.append(digits, digits.size() - scale);
    return;
  }
  out += "0.";
  out.append(scale - digits.size(), '0');
  out += digits;
}

void append_scientific(const Decimal& decimal, std::string& out) {
  const int64_t adjusted = static_cast<int64_t>(decimal.digits.size()) - 1 - decimal.scale;
  if (decimal.scale >= 0 && adjusted >= -6) {
    append_plain(decimal, out);
    return;
  }
  if (decimal.negative) out += '-';
  out += decimal.digits.front();
  if (decimal.digits.size() > 1) {
    out += '.';
    out.append(decimal.digits, 1);
  }
  if (adjusted == 0) return;
  out += 'E';
  if (adjusted > 0) out += '+';
  out += std::to_string(adjusted);
}

double to_double(const Decimal& decimal) {
  std::string text = decimal.negative ? "-" : "";
  text += decimal.digits;
  if (decimal.scale != 0) text += "e" + std::to_string(-decimal.scale);
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec == std::errc::result_out_of_range) {
    const bool huge = static_cast<int64_t>(decimal.digits.size()) - decimal.scale > 0;
    value = huge ? std::numeric_limits<double>::infinity() : 0.0;
    if (decimal.negative) value = -value;
  }
  return value;
}

}  // namespace millrace
