// PostgreSQL's date, time and timestamp texts (DateStyle ISO) → instants, and the ISO 8601 forms of
// java.time.
//   date         YYYY-MM-DD[ BC]                     years have at least four digits
//   time         HH:MM:SS[.ffffff]                   24:00:00 is allowed
//   timetz       time (+|-)HH[:MM[:SS]]
//   timestamp    date time[ BC]
//   timestamptz  date time offset[ BC]
#pragma once

#include <cstdint>
#include <string_view>

#include "base/civil_date.h"

namespace millrace {

inline constexpr int64_t kMicrosPerSecond = 1000000;
inline constexpr int64_t kSecondsPerDay = 86400;
inline constexpr int64_t kMicrosPerDay = kSecondsPerDay * kMicrosPerSecond;

// micros: 0 … 999999
struct Instant {
  int64_t seconds = 0;  // since 1970-01-01, UTC
  int32_t micros = 0;
};

struct DateText {
  CivilDate date;
  bool before_christ = false;
};

// All: false when the text has another form.
bool parse_date(std::string_view text, DateText& to);
// Microseconds since midnight.
bool parse_time(std::string_view text, int64_t& micros);
// Microseconds since midnight, UTC: 0 … 24 h.
bool parse_time_with_zone(std::string_view text, int64_t& micros);
// hybrid: days as hybrid_epoch_day(), which is how a JDBC driver reads them.
bool parse_timestamp(std::string_view text, bool hybrid, Instant& to);
bool parse_timestamp_with_zone(std::string_view text, bool hybrid, Instant& to);

inline constexpr size_t kIsoBytesMax = 64;

// 2024-02-29, +12024-02-29, -0043-03-15
char* put_iso_date(char* to, const CivilDate& date);
// 01:02:03, 01:02:03.5; fraction_digits < 0: as many as needed
char* put_iso_time(char* to, int64_t micros_of_day, int fraction_digits);
// Date, T, time, Z
char* put_iso_timestamp(char* to, const Instant& instant, int fraction_digits);

}  // namespace millrace
