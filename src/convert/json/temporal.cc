#include "convert/json/temporal.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace millrace {

namespace {

// Reads numbers and literals from the front; sticky like ByteReader.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}

  bool at_end() const { return ok_ && text_.empty(); }

  char peek() const { return text_.empty() ? '\0' : text_.front(); }

  int64_t number(size_t digits_min, size_t digits_max) {
    size_t n = 0;
    int64_t value = 0;
    for (; n < digits_max && n < text_.size() && text_[n] >= '0' && text_[n] <= '9'; ++n) {
      value = value * 10 + (text_[n] - '0');
    }
    ok_ = ok_ && n >= digits_min;
    text_.remove_prefix(n);
    return value;
  }

  void literal(std::string_view expected) {
    ok_ = ok_ && text_.starts_with(expected);
    if (ok_) text_.remove_prefix(expected.size());
  }

  bool take(std::string_view optional) {
    if (!text_.starts_with(optional)) return false;
    text_.remove_prefix(optional.size());
    return true;
  }

 private:
  std::string_view text_;
  bool ok_ = true;
};

CivilDate read_date(TextReader& in) {
  CivilDate date;
  date.year = in.number(4, 7);
  in.literal("-");
  date.month = static_cast<int>(in.number(2, 2));
  in.literal("-");
  date.day = static_cast<int>(in.number(2, 2));
  return date;
}

int64_t read_time(TextReader& in) {
  const int64_t hours = in.number(2, 2);
  in.literal(":");
  const int64_t minutes = in.number(2, 2);
  in.literal(":");
  const int64_t seconds = in.number(2, 2);
  int64_t micros = ((hours * 60 + minutes) * 60 + seconds) * kMicrosPerSecond;
  if (in.take(".")) {
    for (int64_t unit = kMicrosPerSecond / 10; unit > 0 && in.peek() >= '0' && in.peek() <= '9';
         unit /= 10) {
      micros += in.number(1, 1) * unit;
    }
  }
  return micros;
}

int64_t read_offset_seconds(TextReader& in) {
  const bool negative = in.peek() == '-';
  in.literal(negative ? "-" : "+");
  int64_t seconds = in.number(2, 2) * 3600;
  if (in.take(":")) seconds += in.number(2, 2) * 60;
  if (in.take(":")) seconds += in.number(2, 2);
  return negative ? -seconds : seconds;
}

bool read_timestamp(std::string_view text, bool with_zone, bool hybrid, Instant& to) {
  TextReader in(text);
  CivilDate date = read_date(in);
  in.literal(" ");
  const int64_t micros = read_time(in);
  const int64_t offset = with_zone ? read_offset_seconds(in) : 0;
  if (in.take(" BC")) date.year = 1 - date.year;
  const int64_t day = hybrid ? hybrid_epoch_day(date) : epoch_day(date);
  to.seconds = day * kSecondsPerDay + micros / kMicrosPerSecond - offset;
  to.micros = static_cast<int32_t>(micros % kMicrosPerSecond);
  return in.at_end();
}

char* put_two(char* to, int64_t value) {
  *to++ = static_cast<char>('0' + value / 10 % 10);
  *to++ = static_cast<char>('0' + value % 10);
  return to;
}

}  // namespace

bool parse_date(std::string_view text, DateText& to) {
  TextReader in(text);
  to.date = read_date(in);
  to.before_christ = in.take(" BC");
  if (to.before_christ) to.date.year = 1 - to.date.year;
  return in.at_end();
}

bool parse_time(std::string_view text, int64_t& micros) {
  TextReader in(text);
  micros = read_time(in);
  return in.at_end();
}

bool parse_time_with_zone(std::string_view text, int64_t& micros) {
  TextReader in(text);
  micros = read_time(in);
  micros -= read_offset_seconds(in) * kMicrosPerSecond;
  micros -= floor_div(micros, kMicrosPerDay) * kMicrosPerDay;
  return in.at_end();
}

bool parse_timestamp(std::string_view text, bool hybrid, Instant& to) {
  return read_timestamp(text, false, hybrid, to);
}

bool parse_timestamp_with_zone(std::string_view text, bool hybrid, Instant& to) {
  return read_timestamp(text, true, hybrid, to);
}

char* put_iso_date(char* to, const CivilDate& date) {
  if (date.year < 0) *to++ = '-';
  if (date.year > 9999) *to++ = '+';
  const int64_t year = std::abs(date.year);
  for (int64_t unit = 1000; unit > 1 && year < unit; unit /= 10)
    *to++ = '0';
  to = std::to_chars(to, to + 20, year).ptr;
  *to++ = '-';
  to = put_two(to, date.month);
  *to++ = '-';
  return put_two(to, date.day);
}

char* put_iso_time(char* to, int64_t micros_of_day, int fraction_digits) {
  const int64_t seconds = micros_of_day / kMicrosPerSecond % kSecondsPerDay;
  to = put_two(to, seconds / 3600);
  *to++ = ':';
  to = put_two(to, seconds / 60 % 60);
  *to++ = ':';
  to = put_two(to, seconds % 60);
  int64_t micros = micros_of_day % kMicrosPerSecond;
  if (fraction_digits < 0 ? micros == 0 : fraction_digits == 0) return to;
  *to++ = '.';
  for (int digit = 0; fraction_digits < 0 ? micros != 0 : digit < fraction_digits; ++digit) {
    micros *= 10;
    *to++ = static_cast<char>('0' + micros / kMicrosPerSecond);
    micros %= kMicrosPerSecond;
  }
  return to;
}

char* put_iso_timestamp(char* to, const Instant& instant, int fraction_digits) {
  const int64_t day = floor_div(instant.seconds, kSecondsPerDay);
  to = put_iso_date(to, civil_date(day));
  *to++ = 'T';
  const int64_t second_of_day = instant.seconds - day * kSecondsPerDay;
  to = put_iso_time(to, second_of_day * kMicrosPerSecond + instant.micros, fraction_digits);
  *to++ = 'Z';
  return to;
}

}  // namespace millrace
