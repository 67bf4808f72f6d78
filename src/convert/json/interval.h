// PostgreSQL's interval text → its parts. Both IntervalStyles that say each part's sign:
//   postgres  1 year -2 mons +3 days -04:05:06.789
//   iso_8601  P1Y-2M3DT-4H-5M-6.789S
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace {

struct IntervalParts {
  int64_t years = 0;
  int64_t months = 0;
  int64_t days = 0;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t micros = 0;  // seconds and their fraction
};

bool parse_interval(std::string_view text, IntervalParts& to);

// Microseconds with months of 365.25/12 days, rounded as io.debezium.time.MicroDuration does: in
// doubles.
int64_t duration_micros(const IntervalParts& parts);

inline constexpr size_t kIsoIntervalBytesMax = 160;

// P1Y2M3DT4H5M6.789S, every part always there.
char* put_iso_interval(char* to, const IntervalParts& parts);

}  // namespace millrace
