// float4, float8 and what is made of them. The digits are std::to_chars', the shortest that read
// back as the number, with one difference: PostgreSQL takes no decimal that lies exactly in the
// middle between two numbers, although it would be rounded to this one (1e23 is
// 9.999999999999999e+22).
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/byte_reader.h"
#include "source/postgres/binary_number.h"

namespace millrace::binary {

namespace {

constexpr size_t kFloatBytesMax = 32;

// 0.DIGITS × 10^(exponent + 1): `exponent` is that of the first digit. No zeros at the end.
struct Decimal {
  char digits[20] = {};
  int count = 0;
  int exponent = 0;
};

// d.ddde±xx
Decimal read_scientific(const char* from, const char* end) {
  Decimal out;
  for (; *from != 'e'; ++from) {
    if (*from != '.') out.digits[out.count++] = *from;
  }
  while (out.count > 1 && out.digits[out.count - 1] == '0')
    --out.count;
  from += from[1] == '+' ? 2 : 1;
  std::from_chars(from, end, out.exponent);
  return out;
}

// Whether the decimal lies in the middle between `value` (positive) and the number above or below.
// Such a middle is an integer: with a fraction it would have more digits than any number needs.
template <class Float>
bool is_middle(Float value, const Decimal& decimal) {
  constexpr int kBits = std::numeric_limits<Float>::digits;
  constexpr uint64_t kLargest = uint64_t{1} << (kBits + 2);
  const int zeros = decimal.exponent + 1 - decimal.count;
  if (zeros < 0) return false;
  int power = 0;
  const auto mantissa = static_cast<uint64_t>(std::ldexp(std::frexp(value, &power), kBits));
  power -= kBits;
  // The decimal as odd × 2^twos
  uint64_t odd = 0;
  std::from_chars(decimal.digits, decimal.digits + decimal.count, odd);
  int twos = std::countr_zero(odd);
  odd >>= twos;
  twos += zeros;
  for (int i = 0; i < zeros && odd < kLargest; ++i)
    odd *= 5;
  if (twos == power - 1 && (odd == 2 * mantissa + 1 || odd == 2 * mantissa - 1)) return true;
  // Below a power of two the numbers are twice as close.
  return std::has_single_bit(mantissa) && twos == power - 2 && odd == 4 * mantissa - 1;
}

template <class Float>
Decimal shortest(Float value) {
  char text[kFloatBytesMax];
  char* const limit = text + sizeof text;
  const char* end = std::to_chars(text, limit, value, std::chars_format::scientific).ptr;
  Decimal out = read_scientific(text, end);
  if (!is_middle(value, out)) return out;
  for (int digits = out.count + 1; digits <= std::numeric_limits<Float>::max_digits10; ++digits) {
    end = std::to_chars(text, limit, value, std::chars_format::scientific, digits - 1).ptr;
    Float read = 0;
    std::from_chars(text, end, read, std::chars_format::scientific);
    out = read_scientific(text, end);
    if (read == value && !is_middle(value, out)) break;
  }
  return out;
}

char* put_chars(char* to, const char* from, int count) {
  for (int i = 0; i < count; ++i)
    *to++ = from[i];
  return to;
}

char* put_zeros(char* to, int count) {
  for (int i = 0; i < count; ++i)
    *to++ = '0';
  return to;
}

char* put_scientific(char* to, const Decimal& decimal) {
  *to++ = decimal.digits[0];
  if (decimal.count > 1) *to++ = '.';
  to = put_chars(to, decimal.digits + 1, decimal.count - 1);
  *to++ = 'e';
  *to++ = decimal.exponent < 0 ? '-' : '+';
  const int exponent = std::abs(decimal.exponent);
  if (exponent < 10) *to++ = '0';
  return std::to_chars(to, to + 4, exponent).ptr;
}

char* put_plain(char* to, const Decimal& decimal) {
  const int whole = decimal.exponent + 1;  // digits before the point
  if (whole <= 0) {
    *to++ = '0';
    *to++ = '.';
    to = put_zeros(to, -whole);
    return put_chars(to, decimal.digits, decimal.count);
  }
  if (whole >= decimal.count) {
    to = put_chars(to, decimal.digits, decimal.count);
    return put_zeros(to, whole - decimal.count);
  }
  to = put_chars(to, decimal.digits, whole);
  *to++ = '.';
  return put_chars(to, decimal.digits + whole, decimal.count - whole);
}

template <class Float>
void put_float(Float value, ArenaText& out) {
  if (std::isnan(value)) return out.put("NaN");
  if (std::signbit(value)) out.put('-');
  value = std::abs(value);
  if (std::isinf(value)) return out.put("Infinity");
  if (value == 0) return out.put('0');
  const Decimal decimal = shortest(value);
  const bool plain =
      decimal.exponent >= -4 && decimal.exponent < std::numeric_limits<Float>::digits10;
  char* to = out.room(kFloatBytesMax);
  out.ended(plain ? put_plain(to, decimal) : put_scientific(to, decimal));
}

}  // namespace

bool render_float4(std::string_view value, ArenaText& out) {
  if (value.size() != sizeof(float)) return false;
  put_float(std::bit_cast<float>(ByteReader(value).u32()), out);
  return true;
}

bool render_float8(std::string_view value, ArenaText& out) {
  if (value.size() != sizeof(double)) return false;
  put_float(std::bit_cast<double>(ByteReader(value).u64()), out);
  return true;
}

bool render_point(std::string_view value, ArenaText& out) {
  if (value.size() != 2 * sizeof(double)) return false;
  out.put('(');
  render_float8(value.substr(0, sizeof(double)), out);
  out.put(',');
  render_float8(value.substr(sizeof(double)), out);
  out.put(')');
  return true;
}

}  // namespace millrace::binary
