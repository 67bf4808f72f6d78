// Days of the calendar and numbers of days.
#pragma once

#include <cstdint>

namespace millrace {

// Rounds down, also below zero.
constexpr int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

// A day of the proleptic Gregorian calendar; year 0 is 1 BC.
struct CivilDate {
  int64_t year = 1970;
  int month = 1;
  int day = 1;
};

// Days since 1970-01-01, and back.
int64_t epoch_day(const CivilDate& date);
CivilDate civil_date(int64_t epoch_day);

// The day that java.util.GregorianCalendar means by these numbers: Julian before 1582-10-15.
int64_t hybrid_epoch_day(const CivilDate& date);

}  // namespace millrace
