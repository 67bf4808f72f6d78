#include "base/civil_date.h"

namespace millrace {

namespace {

// Days from 0000-03-01 to the first of March of `year` and on to the day, the same in both
// calendars.
int64_t day_of_march_year(const CivilDate& date) {
  const int month = (date.month + 9) % 12;  // March = 0
  return (153 * month + 2) / 5 + date.day - 1;
}

int64_t march_year(const CivilDate& date) {
  return date.month <= 2 ? date.year - 1 : date.year;
}

constexpr int64_t kEpochFromMarch0 = 719468;  // 0000-03-01 (Gregorian) … 1970-01-01
constexpr int64_t kJulianLag = 2;  // 0000-03-01 Julian is two days before the Gregorian one

}  // namespace

int64_t epoch_day(const CivilDate& date) {
  const int64_t year = march_year(date);
  const int64_t leap_days = floor_div(year, 4) - floor_div(year, 100) + floor_div(year, 400);
  return year * 365 + leap_days + day_of_march_year(date) - kEpochFromMarch0;
}

int64_t hybrid_epoch_day(const CivilDate& date) {
  const bool gregorian = date.year > 1582 || (date.year == 1582 && date.month > 10) ||
                         (date.year == 1582 && date.month == 10 && date.day >= 15);
  if (gregorian) return epoch_day(date);
  const int64_t year = march_year(date);
  return year * 365 + floor_div(year, 4) + day_of_march_year(date) - kEpochFromMarch0 - kJulianLag;
}

CivilDate civil_date(int64_t epoch_day) {
  constexpr int64_t kDaysOf400Years = 146097;
  const int64_t days = epoch_day + kEpochFromMarch0;
  const int64_t era = floor_div(days, kDaysOf400Years);
  const int64_t day_of_era = days - era * kDaysOf400Years;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  date.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

}  // namespace millrace
