#include "convert/json/interval.h"

#include <charconv>
#include <limits>

namespace millrace {

namespace {

constexpr int64_t kMicrosPerSecond = 1000000;

// More than any part of an interval can be, and far from the end of 64 bits in millionths.
constexpr int64_t kWholeMax = 4'000'000'000'000;

// [+-]digits[.digits] at the front, in millionths.
bool take_millionths(std::string_view& text, int64_t& value, bool& negative) {
  negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int64_t whole = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (end.ec != std::errc() || whole < 0 || whole > kWholeMax) return false;
  text.remove_prefix(static_cast<size_t>(end.ptr - text.data()));
  value = whole * kMicrosPerSecond;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    for (int64_t unit = kMicrosPerSecond / 10; !text.empty() && text[0] >= '0' && text[0] <= '9';
         unit /= 10) {
      value += (text[0] - '0') * unit;
      text.remove_prefix(1);
    }
  }
  if (negative) value = -value;
  return true;
}

// What follows the hours of "[-]HH:MM:SS[.f]"; the sign is that of all parts.
bool read_clock(std::string_view& text, int64_t hours, bool negative, IntervalParts& to) {
  int64_t minutes = 0;
  bool ignored = false;
  to.hours = hours;
  text.remove_prefix(1);
  if (!take_millionths(text, minutes, ignored)) return false;
  to.minutes = minutes / kMicrosPerSecond;
  if (text.starts_with(':')) {
    text.remove_prefix(1);
    if (!take_millionths(text, to.micros, ignored)) return false;
  }
  if (negative) {
    to.minutes = -to.minutes;
    to.micros = -to.micros;
  }
  return true;
}

bool read_postgres_style(std::string_view text, IntervalParts& to) {
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    int64_t value = 0;
    bool negative = false;
    if (!take_millionths(text, value, negative)) return false;
    value /= kMicrosPerSecond;
    if (text.starts_with(':')) {
      if (!read_clock(text, value, negative, to)) return false;
      continue;
    }
    if (!text.starts_with(' ')) return text.empty() && value == 0;  // "0"
    text.remove_prefix(1);
    const std::string_view unit = text.substr(0, text.find(' '));
    if (unit.starts_with("year"))
      to.years = value;
    else if (unit.starts_with("mon"))
      to.months = value;
    else if (unit.starts_with("day"))
      to.days = value;
    else
      return false;
    text.remove_prefix(unit.size());
  }
  return true;
}

bool read_iso_style(std::string_view text, IntervalParts& to) {
  bool in_time = false;
  text.remove_prefix(1);
  while (!text.empty()) {
    if (text.front() == 'T') {
      in_time = true;
      text.remove_prefix(1);
      continue;
    }
    int64_t value = 0;
    bool negative = false;
    if (!take_millionths(text, value, negative) || text.empty()) return false;
    const int64_t whole = value / kMicrosPerSecond;
    switch (text.front()) {
      case 'Y':
        to.years = whole;
        break;
      case 'M':
        (in_time ? to.minutes : to.months) = whole;
        break;
      case 'D':
        to.days = whole;
        break;
      case 'H':
        to.hours = whole;
        break;
      case 'S':
        to.micros = value;
        break;
      default:
        return false;
    }
    text.remove_prefix(1);
  }
  return true;
}

char* put_part(char* to, int64_t value, char unit) {
  to = std::to_chars(to, to + 21, value).ptr;
  *to++ = unit;
  return to;
}

}  // namespace

bool parse_interval(std::string_view text, IntervalParts& to) {
  to = {};
  return text.starts_with('P') ? read_iso_style(text, to) : read_postgres_style(text, to);
}

int64_t duration_micros(const IntervalParts& parts) {
  constexpr double kDaysPerMonth = 365.25 / 12.0;
  const int64_t whole_seconds = parts.micros / kMicrosPerSecond;
  const double seconds_part = static_cast<double>(whole_seconds) +
                              static_cast<double>(parts.micros % kMicrosPerSecond) / 1000000.0;
  const double days = static_cast<double>(parts.years * 12 + parts.months) * kDaysPerMonth +
                      static_cast<double>(parts.days);
  const double minutes =
      (days * 24 + static_cast<double>(parts.hours)) * 60 + static_cast<double>(parts.minutes);
  const double seconds = minutes * 60 + seconds_part;
  // Java's conversion: what is too large for 64 bits is the largest number.
  constexpr double kLimit = 9223372036854775808.0;
  const double micros = seconds * 1e6;
  if (micros >= kLimit) return std::numeric_limits<int64_t>::max();
  if (micros <= -kLimit) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(micros);
}

char* put_iso_interval(char* to, const IntervalParts& parts) {
  *to++ = 'P';
  to = put_part(to, parts.years, 'Y');
  to = put_part(to, parts.months, 'M');
  to = put_part(to, parts.days, 'D');
  *to++ = 'T';
  to = put_part(to, parts.hours, 'H');
  to = put_part(to, parts.minutes, 'M');
  int64_t micros = parts.micros;
  if (micros < 0) {
    *to++ = '-';
    micros = -micros;
  }
  to = std::to_chars(to, to + 21, micros / kMicrosPerSecond).ptr;
  micros %= kMicrosPerSecond;
  if (micros != 0) *to++ = '.';
  for (; micros != 0; micros %= kMicrosPerSecond) {
    micros *= 10;
    *to++ = static_cast<char>('0' + micros / kMicrosPerSecond);
  }
  *to++ = 'S';
  return to;
}

}  // namespace millrace
