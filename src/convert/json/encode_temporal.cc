// Debezium's oddities are kept, for a consumer has met them: infinity is a far day that depends on
// who read it; a snapshot loses the era of a date and takes timestamps before 1582-10-15 as Julian;
// nanoseconds beyond 1677 … 2262 wrap around.
#include "convert/json/encode_temporal.h"

#include <limits>

#include "convert/json/interval.h"
#include "convert/json/temporal.h"

namespace millrace {

namespace {

// -5877611-06-21 and -22 in the stream; in a snapshot 292278994-08-16 and 292269055-12-02, whose
// days overflow 32 bits.
struct InfiniteDays {
  int64_t positive;
  int64_t negative;
};

constexpr InfiniteDays kInfiniteDaysStream = {-2147472692, -2147472691};
constexpr CivilDate kInfiniteSnapshot = {292278994, 8, 16};
constexpr CivilDate kMinusInfiniteSnapshot = {292269055, 12, 2};

// What the JDBC driver gives for infinity: milliseconds in its own terms, taken for microseconds.
constexpr int64_t kInfiniteMicros = 9223372036825200000;
constexpr int64_t kMinusInfiniteMicros = -9223372036832400000;

constexpr int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

bool read_day(std::string_view text, bool snapshot, int64_t& day) {
  const bool infinite = text == "infinity";
  if (infinite || text == "-infinity") {
    if (snapshot)
      day = epoch_day(infinite ? kInfiniteSnapshot : kMinusInfiniteSnapshot);
    else
      day = infinite ? kInfiniteDaysStream.positive : kInfiniteDaysStream.negative;
    return true;
  }
  DateText date;
  if (!parse_date(text, date)) return false;
  if (snapshot && date.before_christ) date.date.year = 1 - date.date.year;
  day = epoch_day(date.date);
  return true;
}

bool read_timestamp(std::string_view text, bool snapshot, Instant& instant) {
  const bool infinite = text == "infinity";
  if (infinite || text == "-infinity") {
    const int64_t micros = infinite ? kInfiniteMicros : kMinusInfiniteMicros;
    instant.seconds = floor_div(micros, kMicrosPerSecond);
    instant.micros = static_cast<int32_t>(micros - instant.seconds * kMicrosPerSecond);
    return true;
  }
  return parse_timestamp(text, snapshot, instant);
}

template <class Put>
void write_quoted(EncodeContext& context, Put put) {
  char* to = context.out.room(kIsoIntervalBytesMax + 2);
  *to++ = '"';
  to = put(to);
  *to++ = '"';
  context.out.advance_to(to);
}

bool write_time(std::string_view text, int64_t multiply, int64_t divide, EncodeContext& context) {
  int64_t micros = 0;
  if (!parse_time(text, micros)) return false;
  context.out.number(micros * multiply / divide);
  return true;
}

}  // namespace

bool write_epoch_day(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  int64_t day = 0;
  if (!read_day(text, context.snapshot, day)) return false;
  context.out.number(static_cast<int32_t>(day));
  return true;
}

bool write_iso_date(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  int64_t day = 0;
  if (!read_day(text, context.snapshot, day)) return false;
  write_quoted(context, [&](char* to) {
    to = put_iso_date(to, civil_date(day));
    *to++ = 'Z';
    return to;
  });
  return true;
}

bool write_time_millis(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  return write_time(text, 1, 1000, context);
}

bool write_time_micros(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  return write_time(text, 1, 1, context);
}

bool write_time_nanos(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  return write_time(text, 1000, 1, context);
}

bool write_iso_time(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  int64_t micros = 0;
  if (!parse_time(text, micros)) return false;
  write_quoted(context, [&](char* to) {
    to = put_iso_time(to, micros, -1);
    *to++ = 'Z';
    return to;
  });
  return true;
}

bool write_zoned_time(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  int64_t micros = 0;
  if (!parse_time_with_zone(text, micros)) return false;
  write_quoted(context, [&](char* to) {
    to = put_iso_time(to, micros, -1);
    *to++ = 'Z';
    return to;
  });
  return true;
}

bool write_epoch_millis(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  Instant instant;
  if (!read_timestamp(text, context.snapshot, instant)) return false;
  context.out.number(instant.seconds * 1000 + instant.micros / 1000);
  return true;
}

bool write_epoch_micros(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  Instant instant;
  if (!read_timestamp(text, context.snapshot, instant)) return false;
  // After 294247-01-10 the number saturates, as java.util.concurrent.TimeUnit does.
  int64_t micros = 0;
  if (__builtin_mul_overflow(instant.seconds, kMicrosPerSecond, &micros) ||
      __builtin_add_overflow(micros, int64_t{instant.micros}, &micros)) {
    micros = instant.seconds < 0 ? std::numeric_limits<int64_t>::min()
                                 : std::numeric_limits<int64_t>::max();
  }
  context.out.number(micros);
  return true;
}

bool write_epoch_nanos(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  Instant instant;
  if (!read_timestamp(text, context.snapshot, instant)) return false;
  const uint64_t nanos = static_cast<uint64_t>(instant.seconds) * 1000000000U +
                         static_cast<uint64_t>(instant.micros) * 1000U;
  context.out.number(static_cast<int64_t>(nanos));
  return true;
}

bool write_iso_timestamp(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  Instant instant;
  if (!read_timestamp(text, context.snapshot, instant)) return false;
  write_quoted(context, [&](char* to) { return put_iso_timestamp(to, instant, -1); });
  return true;
}

bool write_zoned_timestamp(const ValueEncoding& self, std::string_view text,
                           EncodeContext& context) {
  if (text == "infinity" || text == "-infinity") {
    context.out.string(text);
    return true;
  }
  Instant instant;
  if (!parse_timestamp_with_zone(text, context.snapshot, instant)) return false;
  const int digits = self.fraction_digits == 0 ? -1 : self.fraction_digits;
  write_quoted(context, [&](char* to) { return put_iso_timestamp(to, instant, digits); });
  return true;
}

bool write_duration_micros(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  IntervalParts parts;
  if (!parse_interval(text, parts)) return false;
  context.out.number(duration_micros(parts));
  return true;
}

bool write_iso_interval(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  IntervalParts parts;
  if (!parse_interval(text, parts)) return false;
  write_quoted(context, [&](char* to) { return put_iso_interval(to, parts); });
  return true;
}

}  // namespace millrace
