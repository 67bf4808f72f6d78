#include "wire/duckdb/temporal_text.h"

#include <charconv>
#include <limits>

namespace millrace::duckdb {

namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerHour = 3600 * kMicrosPerSecond;
constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;
constexpr int64_t kFirstYear = 1 - 4713;     // 4713 BC: PostgreSQL has none before it
constexpr int64_t kZoneMax = 16 * 3600 - 1;  // seconds; PostgreSQL's limit and DuckDB's

// Takes its parts from the front of a text. Sticky: after a fault every call gives 0.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }

  bool done() const { return ok_ && rest_.empty(); }

  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  bool skip(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  void expect(char c) {
    if (peek() != c) return give_up();
    rest_.remove_prefix(1);
  }

  int64_t digits(size_t at_least, size_t at_most) {
    size_t n = 0;
    while (n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9')
      ++n;
    int64_t value = 0;
    if (n < at_least || n > at_most) {
      give_up();
      return 0;
    }
    std::from_chars(rest_.data(), rest_.data() + n, value);
    rest_.remove_prefix(n);
    return value;
  }

  // ".789" as microseconds; 0 when there is none.
  int64_t fraction() {
    if (!skip(".")) return 0;
    const size_t before = rest_.size();
    int64_t value = digits(1, 6);
    for (size_t n = before - rest_.size(); n < 6; ++n)
      value *= 10;
    return value;
  }

  // '+' or '-', which may be missing.
  int64_t sign() {
    if (skip("-")) return -1;
    skip("+");
    return 1;
  }

  void give_up() {
    ok_ = false;
    rest_ = {};
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

bool is_leap(int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int64_t month_length(int64_t year, int64_t month) {
  constexpr int64_t kLengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kLengths[month - 1];
}

// Days since 1970-01-01 in the proleptic Gregorian calendar; the year 0 is 1 BC. A year begins in
// March here, so that a leap day is its last.
int64_t days_of(int64_t year, int64_t month, int64_t day) {
  const int64_t y = month > 2 ? year : year - 1;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct CalendarDate {
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
};

CalendarDate scan_date(Scanner& in) {
  CalendarDate date;
  date.year = in.digits(4, 7);
  in.expect('-');
  date.month = in.digits(2, 2);
  in.expect('-');
  date.day = in.digits(2, 2);
  return date;
}

// The " BC" stands at the very end of the text, behind the time and the zone.
std::optional<int64_t> finish_date(Scanner& in, CalendarDate date) {
  if (in.skip(" BC")) date.year = 1 - date.year;
  if (date.year < kFirstYear) return std::nullopt;
  if (!in.done() || date.month < 1 || date.month > 12 || date.day < 1) return std::nullopt;
  if (date.day > month_length(date.year, date.month)) return std::nullopt;
  return days_of(date.year, date.month, date.day);
}

int64_t scan_time(Scanner& in) {
  const int64_t hours = in.digits(2, 2);
  in.expect(':');
  const int64_t minutes = in.digits(2, 2);
  in.expect(':');
  const int64_t seconds = in.digits(2, 2);
  const int64_t micros = ((hours * 60 + minutes) * 60 + seconds) * kMicrosPerSecond + in.fraction();
  if (minutes > 59 || seconds > 59 || micros > kMicrosPerDay) in.give_up();
  return micros;
}

// "+05:30:10" as seconds east of UTC.
int64_t scan_zone(Scanner& in) {
  if (in.peek() != '+' && in.peek() != '-') {
    in.give_up();
    return 0;
  }
  const int64_t sign = in.sign();
  int64_t seconds = in.digits(2, 2) * 3600;
  if (in.skip(":")) seconds += in.digits(2, 2) * 60;
  if (in.skip(":")) seconds += in.digits(2, 2);
  if (seconds > kZoneMax) in.give_up();
  return sign * seconds;
}

template <class T>
std::optional<T> parse_infinity(std::string_view text) {
  if (text == "infinity") return std::numeric_limits<T>::max();
  if (text == "-infinity") return -std::numeric_limits<T>::max();
  return std::nullopt;
}

// DuckDB's timestamps end in the year 294247, PostgreSQL's in 294276.
std::optional<int64_t> join(int64_t days, int64_t micros) {
  int64_t out = 0;
  if (__builtin_mul_overflow(days, kMicrosPerDay, &out)) return std::nullopt;
  if (__builtin_add_overflow(out, micros, &out)) return std::nullopt;
  if (out == std::numeric_limits<int64_t>::max()) return std::nullopt;  // is infinity
  return out;
}

std::optional<int64_t> scan_timestamp(std::string_view text, bool has_zone) {
  if (auto infinite = parse_infinity<int64_t>(text)) return infinite;
  Scanner in(text);
  const CalendarDate date = scan_date(in);
  in.expect(' ');
  int64_t micros = scan_time(in);
  if (has_zone) micros -= scan_zone(in) * kMicrosPerSecond;
  const auto days = finish_date(in, date);
  if (!days) return std::nullopt;
  return join(*days, micros);
}

bool add_unit(Scanner& in, int64_t count, int64_t& months, int64_t& days) {
  if (in.skip(" year")) {
    months += count * 12;
  } else if (in.skip(" mon")) {
    months += count;
  } else if (in.skip(" day")) {
    days += count;
  } else {
    return false;
  }
  in.skip("s");
  return true;
}

// "[-]HH…:MM:SS.ffffff", the hours already read.
int64_t clock_part(Scanner& in, int64_t sign, int64_t hours) {
  in.expect(':');
  const int64_t minutes = in.digits(2, 2);
  in.expect(':');
  const int64_t seconds = in.digits(2, 2);
  const int64_t rest = (minutes * 60 + seconds) * kMicrosPerSecond + in.fraction();
  int64_t micros = 0;
  if (__builtin_mul_overflow(sign * hours, kMicrosPerHour, &micros) ||
      __builtin_add_overflow(micros, sign * rest, &micros)) {
    in.give_up();
  }
  return micros;
}

}  // namespace

std::optional<int32_t> parse_date(std::string_view text) {
  if (auto infinite = parse_infinity<int32_t>(text)) return infinite;
  Scanner in(text);
  const CalendarDate date = scan_date(in);
  const auto days = finish_date(in, date);
  if (!days || *days >= std::numeric_limits<int32_t>::max()) return std::nullopt;
  return static_cast<int32_t>(*days);
}

std::optional<int64_t> parse_time(std::string_view text) {
  Scanner in(text);
  const int64_t micros = scan_time(in);
  if (!in.done()) return std::nullopt;
  return micros;
}

std::optional<uint64_t> parse_timetz(std::string_view text) {
  Scanner in(text);
  const int64_t micros = scan_time(in);
  const int64_t zone = scan_zone(in);
  if (!in.done()) return std::nullopt;
  return static_cast<uint64_t>(micros) << 24 | static_cast<uint64_t>(kZoneMax - zone);
}

std::optional<int64_t> parse_timestamp(std::string_view text) {
  return scan_timestamp(text, false);
}

std::optional<int64_t> parse_timestamptz(std::string_view text) {
  return scan_timestamp(text, true);
}

std::optional<IntervalValue> parse_interval(std::string_view text) {
  Scanner in(text);
  int64_t months = 0;
  int64_t days = 0;
  IntervalValue out;
  for (bool first = true; in.ok() && (first || !in.done()); first = false) {
    if (!first) in.expect(' ');
    const int64_t sign = in.sign();
    const int64_t number = in.digits(1, 12);
    if (add_unit(in, sign * number, months, days)) continue;
    out.micros = clock_part(in, sign, number);
    if (!in.done()) return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  out.months = static_cast<int32_t>(months);
  out.days = static_cast<int32_t>(days);
  if (out.months != months || out.days != days) return std::nullopt;
  return out;
}

}  // namespace millrace::duckdb
