#include "source/postgres/binary_temporal.h"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

#include "base/byte_reader.h"
#include "base/civil_date.h"

namespace millrace::binary {

namespace {

constexpr size_t kTextBytesMax = 64;       // of a timestamp with all that it can have
constexpr size_t kIntervalBytesMax = 128;  // of three units and a clock
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
constexpr int64_t kFirstDay = 10957;               // 2000-01-01, in days since 1970-01-01
constexpr int32_t kLongestOffset = 16 * 3600 - 1;  // of a time zone, seconds

template <class T>
constexpr T kInfinity = std::numeric_limits<T>::max();
template <class T>
constexpr T kMinusInfinity = std::numeric_limits<T>::min();

char* put_two(char* to, int64_t value) {
  *to++ = static_cast<char>('0' + value / 10 % 10);
  *to++ = static_cast<char>('0' + value % 10);
  return to;
}

// hours:MM:SS[.ffffff] of at least two digits of hours and as many of the fraction as are needed;
// micros: below an hour
char* put_clock(char* to, int64_t hours, int64_t micros) {
  if (hours < 10) *to++ = '0';
  to = std::to_chars(to, to + 20, hours).ptr;
  *to++ = ':';
  to = put_two(to, micros / (60 * kMicrosPerSecond));
  *to++ = ':';
  to = put_two(to, micros / kMicrosPerSecond % 60);
  int64_t rest = micros % kMicrosPerSecond;
  if (rest == 0) return to;
  *to++ = '.';
  for (; rest != 0; rest = rest * 10 % kMicrosPerSecond)
    *to++ = static_cast<char>('0' + rest * 10 / kMicrosPerSecond);
  return to;
}

char* put_time(char* to, int64_t micros) {
  constexpr int64_t kMicrosPerHour = 3600 * kMicrosPerSecond;
  return put_clock(to, micros / kMicrosPerHour, micros % kMicrosPerHour);
}

// Without the " BC" of a year before 1, which stands at the very end.
char* put_date(char* to, const CivilDate& date) {
  const int64_t year = date.year > 0 ? date.year : 1 - date.year;
  for (int64_t unit = 1000; unit > 1 && year < unit; unit /= 10)
    *to++ = '0';
  to = std::to_chars(to, to + 20, year).ptr;
  *to++ = '-';
  to = put_two(to, date.month);
  *to++ = '-';
  return put_two(to, date.day);
}

char* put_text(char* to, std::string_view text) {
  return to + text.copy(to, text.size());
}

char* put_era(char* to, const CivilDate& date) {
  return date.year > 0 ? to : put_text(to, " BC");
}

// +HH[:MM[:SS]] of seconds west of UTC
char* put_offset(char* to, int32_t west) {
  const int32_t seconds = std::abs(west);
  *to++ = west <= 0 ? '+' : '-';
  to = put_two(to, seconds / 3600);
  if (seconds % 3600 == 0) return to;
  *to++ = ':';
  to = put_two(to, seconds / 60 % 60);
  if (seconds % 60 == 0) return to;
  *to++ = ':';
  return put_two(to, seconds % 60);
}

template <class T>
bool put_infinity(T value, ArenaText& out) {
  if (value != kInfinity<T> && value != kMinusInfinity<T>) return false;
  out.put(value == kInfinity<T> ? "infinity" : "-infinity");
  return true;
}

bool put_timestamp(std::string_view value, std::string_view zone, ArenaText& out) {
  if (value.size() != sizeof(int64_t)) return false;
  const int64_t micros = ByteReader(value).i64();
  if (put_infinity(micros, out)) return true;
  const int64_t day = floor_div(micros, kMicrosPerDay);
  const CivilDate date = civil_date(day + kFirstDay);
  char* to = put_date(out.room(kTextBytesMax), date);
  *to++ = ' ';
  // Not micros - day * kMicrosPerDay, which can leave the type's range on its way.
  const int64_t of_day = micros % kMicrosPerDay;
  to = put_time(to, of_day < 0 ? of_day + kMicrosPerDay : of_day);
  to = put_text(to, zone);
  out.ended(put_era(to, date));
  return true;
}

bool is_time(int64_t micros) {
  return micros >= 0 && micros <= kMicrosPerDay;
}

struct Interval {
  int64_t micros = 0;
  int32_t days = 0;
  int32_t months = 0;

  bool is_all(int64_t whole, int32_t part) const {
    return micros == whole && days == part && months == part;
  }
};

// "1 year -2 mons +3 days -04:05:06.789": a number has a sign where it is below zero or follows one
// that is.
class IntervalText {
 public:
  explicit IntervalText(char* to) : to_(to) {}

  void unit(int64_t count, std::string_view name) {
    if (count == 0) return;
    if (!empty_) *to_++ = ' ';
    if (after_negative_ && count > 0) *to_++ = '+';
    to_ = std::to_chars(to_, to_ + 20, count).ptr;
    *to_++ = ' ';
    to_ = put_text(to_, name);
    if (count != 1) *to_++ = 's';
    after_negative_ = count < 0;
    empty_ = false;
  }

  void clock(int64_t micros) {
    constexpr uint64_t kMicrosPerHour = 3600 * kMicrosPerSecond;
    if (micros == 0 && !empty_) return;
    if (!empty_) *to_++ = ' ';
    if (micros < 0) *to_++ = '-';
    if (micros >= 0 && after_negative_) *to_++ = '+';
    const auto bits = static_cast<uint64_t>(micros);
    const uint64_t size = micros < 0 ? 0 - bits : bits;
    to_ = put_clock(to_, static_cast<int64_t>(size / kMicrosPerHour),
                    static_cast<int64_t>(size % kMicrosPerHour));
  }

  char* end() const { return to_; }

 private:
  char* to_;
  bool empty_ = true;
  bool after_negative_ = false;
};

std::optional<Interval> read_interval(std::string_view value) {
  if (value.size() != 16) return std::nullopt;
  ByteReader in(value);
  Interval out;
  out.micros = in.i64();
  out.days = in.i32();
  out.months = in.i32();
  return out;
}

bool put_interval(const Interval& interval, ArenaText& out) {
  IntervalText text(out.room(kIntervalBytesMax));
  text.unit(interval.months / 12, "year");
  text.unit(interval.months % 12, "mon");
  text.unit(interval.days, "day");
  text.clock(interval.micros);
  out.ended(text.end());
  return true;
}

}  // namespace

bool render_date(std::string_view value, ArenaText& out) {
  if (value.size() != sizeof(int32_t)) return false;
  const int32_t day = ByteReader(value).i32();
  if (put_infinity(day, out)) return true;
  const CivilDate date = civil_date(day + kFirstDay);
  out.ended(put_era(put_date(out.room(kTextBytesMax), date), date));
  return true;
}

bool render_time(std::string_view value, ArenaText& out) {
  const int64_t micros = ByteReader(value).i64();
  if (value.size() != sizeof(int64_t) || !is_time(micros)) return false;
  out.ended(put_time(out.room(kTextBytesMax), micros));
  return true;
}

bool render_timetz(std::string_view value, ArenaText& out) {
  ByteReader in(value);
  const int64_t micros = in.i64();
  const int32_t west = in.i32();
  if (!in.ok() || in.left() != 0 || !is_time(micros)) return false;
  if (west < -kLongestOffset || west > kLongestOffset) return false;
  out.ended(put_offset(put_time(out.room(kTextBytesMax), micros), west));
  return true;
}

bool render_timestamp(std::string_view value, ArenaText& out) {
  return put_timestamp(value, "", out);
}

bool render_timestamptz(std::string_view value, ArenaText& out) {
  return put_timestamp(value, "+00", out);
}

bool render_finite_interval(std::string_view value, ArenaText& out) {
  const auto interval = read_interval(value);
  return interval && put_interval(*interval, out);
}

bool render_interval(std::string_view value, ArenaText& out) {
  const auto interval = read_interval(value);
  if (!interval) return false;
  const bool infinite = interval->is_all(kInfinity<int64_t>, kInfinity<int32_t>) ||
                        interval->is_all(kMinusInfinity<int64_t>, kMinusInfinity<int32_t>);
  return infinite ? put_infinity(interval->micros, out) : put_interval(*interval, out);
}

}  // namespace millrace::binary
