// The digits are generated as in Steele and White, "How to print floating-point numbers accurately"
// (1990): the value is B/S · 10^decimal, M is half the distance to the neighbours; digits are taken
// until the rest is nearer than M to the value. Java departs from it in ways that show, and which
// are kept here: whole numbers take a path of their own, a stop after the first digit is ignored
// where the exponent form is used, M is symmetric at powers of two, and a tie with the upper
// neighbour counts only when the numbers are too large for 64 bits.
#include "convert/json/java_number.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "convert/json/big_unsigned.h"

namespace millrace {

namespace {

constexpr int kMantissaBits = 52;
constexpr uint64_t kHiddenBit = uint64_t{1} << kMantissaBits;

struct Digits {
  std::array<char, 24> text{};  // '0' … '9'
  int count = 0;
  int exponent = 0;  // value = 0.DIGITS · 10^exponent

  void add(int digit) { text[static_cast<size_t>(count++)] = static_cast<char>('0' + digit); }

  void round_up() {
    int i = count - 1;
    while (i > 0 && text[static_cast<size_t>(i)] == '9')
      text[static_cast<size_t>(i--)] = '0';
    char& digit = text[static_cast<size_t>(i)];
    if (digit == '9') {
      digit = '1';
      ++exponent;
    } else {
      ++digit;
    }
  }
};

// 1.f · 2^binary_exponent, the mantissa left-aligned to 53 bits; precision: bits that the type has
// there.
struct Binary {
  uint64_t mantissa = 0;
  int binary_exponent = 0;
  int precision = 0;
};

// Powers of two and of five in B, S and M.
struct Scale {
  int b2 = 0, b5 = 0;
  int s2 = 0, s5 = 0;
  int m2 = 0, m5 = 0;
};

int bits_of_power_of_5(int power) {
  return power < 27 ? static_cast<int>(std::floor(power * 2.321928094887362)) + 1 : 3 * power;
}

// Where digit generation stopped: the rest is below M, or within M of the next digit.
struct Stop {
  bool low = false;
  bool high = false;
  int rest = 0;  // sign of 2B - 10S, when both
};

void finish(Digits& digits, int decimal, const Stop& stop) {
  digits.exponent = decimal + 1;
  if (!stop.high) return;
  const bool odd = (digits.text[static_cast<size_t>(digits.count - 1)] & 1) != 0;
  if (!stop.low || stop.rest > 0 || (stop.rest == 0 && odd)) digits.round_up();
}

constexpr bool is_exponent_form(int decimal) {
  return decimal < -3 || decimal >= 8;
}

template <class Int>
constexpr Int power_of_5(int power) {
  Int value = 1;
  for (; power > 0; --power)
    value = static_cast<Int>(value * 5);
  return value;
}

// All numbers fit into Int. M may overflow in the end, as in Java: then it is larger than the rest.
template <class Int, class Unsigned>
Digits generate_small(uint64_t mantissa, const Scale& scale, int decimal) {
  const auto times10 = [](Int v) { return static_cast<Int>(static_cast<Unsigned>(v) * 10U); };
  const auto sum = [](Int a, Int b) {
    return static_cast<Int>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
  };
  const auto shifted = [](Int v, int bits) {
    return static_cast<Int>(static_cast<Unsigned>(v) << bits);
  };
  Int b = shifted(static_cast<Int>(static_cast<Unsigned>(mantissa) *
                                   static_cast<Unsigned>(power_of_5<Unsigned>(scale.b5))),
                  scale.b2);
  const Int s = shifted(static_cast<Int>(power_of_5<Unsigned>(scale.s5)), scale.s2);
  Int m = shifted(static_cast<Int>(power_of_5<Unsigned>(scale.m5)), scale.m2);
  const Int tens = times10(s);
  Digits digits;
  Stop stop;
  int digit = static_cast<int>(b / s);
  b = times10(static_cast<Int>(b % s));
  m = times10(m);
  stop.low = b < m;
  stop.high = sum(b, m) > tens;
  if (digit == 0 && !stop.high)
    --decimal;
  else
    digits.add(digit);
  if (is_exponent_form(decimal)) stop.low = stop.high = false;
  while (!stop.low && !stop.high) {
    digit = static_cast<int>(b / s);
    b = times10(static_cast<Int>(b % s));
    m = times10(m);
    stop.low = m <= 0 || b < m;
    stop.high = m <= 0 || sum(b, m) > tens;
    digits.add(digit);
  }
  const Int rest =
      static_cast<Int>(static_cast<Unsigned>(shifted(b, 1)) - static_cast<Unsigned>(tens));
  stop.rest = rest > 0 ? 1 : (rest < 0 ? -1 : 0);
  finish(digits, decimal, stop);
  return digits;
}

Digits generate_big(uint64_t mantissa, const Scale& scale, int decimal) {
  const auto power = [](uint64_t value, int five, int two) {
    BigUnsigned big(value);
    big.multiply_power_of_5(five);
    big.shift_left(two);
    return big;
  };
  BigUnsigned b = power(mantissa, scale.b5, scale.b2);
  const BigUnsigned s = power(1, scale.s5, scale.s2);
  BigUnsigned m = power(1, scale.m5 + 1, scale.m2 + 1);
  const BigUnsigned tens = power(1, scale.s5 + 1, scale.s2 + 1);
  Digits digits;
  Stop stop;
  int digit = b.take_digit(s);
  stop.low = b.compare(m) < 0;
  stop.high = b.sum_reaches(m, tens);
  if (digit == 0 && !stop.high)
    --decimal;
  else
    digits.add(digit);
  if (is_exponent_form(decimal)) stop.low = stop.high = false;
  while (!stop.low && !stop.high) {
    digit = b.take_digit(s);
    m.multiply(10);
    stop.low = b.compare(m) < 0;
    stop.high = b.sum_reaches(m, tens);
    digits.add(digit);
  }
  b.multiply(2);
  stop.rest = b.compare(tens);
  finish(digits, decimal, stop);
  return digits;
}

// A whole number below 2^63; beyond the type's precision, as many decimal digits are dropped as
// mean nothing.
Digits whole_number(uint64_t value, int excess_bits) {
  int exponent = 0;
  if (excess_bits > 1) {
    const int drop = static_cast<int>(std::floor(excess_bits * 0.301029995663981));
    uint64_t power = 1;
    for (int i = 0; i < drop; ++i)
      power *= 10;
    const uint64_t rest = value % power;
    value /= power;
    if (drop > 0 && rest >= power / 2) ++value;
    exponent = drop;
  }
  std::array<char, 24> text{};
  int count = 0;
  for (; value != 0; value /= 10) {
    text[static_cast<size_t>(count++)] = static_cast<char>('0' + value % 10);
  }
  Digits digits;
  digits.exponent = exponent + count;
  int zeros = 0;
  while (text[static_cast<size_t>(zeros)] == '0')
    ++zeros;
  for (int i = count - 1; i >= zeros; --i)
    digits.add(text[static_cast<size_t>(i)] - '0');
  return digits;
}

// floor(log10) or one more, by a line through log10(1.5).
int estimate_decimal(const Binary& binary) {
  const double fraction =
      std::bit_cast<double>((binary.mantissa & (kHiddenBit - 1)) | uint64_t{1023} << kMantissaBits);
  const double estimate = (fraction - 1.5) * 0.289529654 + 0.176091259 +
                          static_cast<double>(binary.binary_exponent) * 0.301029995663981;
  return static_cast<int>(std::floor(estimate));
}

Digits digits_of(const Binary& binary) {
  const int tail = std::countr_zero(binary.mantissa);
  const int bits = kMantissaBits + 1 - tail;
  const int exponent = binary.binary_exponent;
  const int fraction_bits = std::max(0, bits - exponent - 1);
  if (fraction_bits == 0 && exponent <= 62 && exponent >= -21) {
    const uint64_t value = exponent >= kMantissaBits
                               ? binary.mantissa << (exponent - kMantissaBits)
                               : binary.mantissa >> (kMantissaBits - exponent);
    return whole_number(value, exponent > binary.precision ? exponent - binary.precision - 1 : 0);
  }
  const int decimal = estimate_decimal(binary);
  Scale scale;
  scale.b5 = std::max(0, -decimal);
  scale.s5 = std::max(0, decimal);
  scale.m5 = scale.b5;
  scale.b2 = scale.b5 + fraction_bits + exponent;
  scale.s2 = scale.s5 + fraction_bits;
  scale.m2 = scale.b2 - binary.precision;
  scale.b2 -= bits - 1;
  const int common = std::min(scale.b2, scale.s2);
  scale.b2 -= common;
  scale.s2 -= common;
  scale.m2 -= common;
  if (bits == 1) --scale.m2;  // a power of two: the lower neighbour is half as far
  if (scale.m2 < 0) {
    scale.b2 -= scale.m2;
    scale.s2 -= scale.m2;
    scale.m2 = 0;
  }
  const uint64_t mantissa = binary.mantissa >> tail;
  const int b_bits = bits + scale.b2 + bits_of_power_of_5(scale.b5);
  const int tens_bits = scale.s2 + 1 + bits_of_power_of_5(scale.s5 + 1);
  if (b_bits < 32 && tens_bits < 32)
    return generate_small<int32_t, uint32_t>(mantissa, scale, decimal);
  if (b_bits < 64 && tens_bits < 64)
    return generate_small<int64_t, uint64_t>(mantissa, scale, decimal);
  return generate_big(mantissa, scale, decimal);
}

char* put_exponent_form(char* to, const Digits& digits) {
  *to++ = digits.text[0];
  *to++ = '.';
  if (digits.count == 1) *to++ = '0';
  to = std::copy_n(digits.text.data() + 1, digits.count - 1, to);
  *to++ = 'E';
  int exponent = digits.exponent - 1;
  if (exponent < 0) {
    *to++ = '-';
    exponent = -exponent;
  }
  if (exponent >= 100) *to++ = static_cast<char>('0' + exponent / 100);
  if (exponent >= 10) *to++ = static_cast<char>('0' + exponent / 10 % 10);
  *to++ = static_cast<char>('0' + exponent % 10);
  return to;
}

// 0.001 ≤ value < 10^7 as it is, else with an exponent.
char* put_digits(char* to, const Digits& digits) {
  const int exponent = digits.exponent;
  if (exponent > 0 && exponent < 8) {
    const int before = std::min(digits.count, exponent);
    to = std::copy_n(digits.text.data(), before, to);
    to = std::fill_n(to, exponent - before, '0');
    *to++ = '.';
    if (before == digits.count) *to++ = '0';
    return std::copy_n(digits.text.data() + before, digits.count - before, to);
  }
  if (exponent <= 0 && exponent > -3) {
    *to++ = '0';
    *to++ = '.';
    to = std::fill_n(to, -exponent, '0');
    return std::copy_n(digits.text.data(), digits.count, to);
  }
  return put_exponent_form(to, digits);
}

char* put_zero(char* to) {
  return std::copy_n("0.0", 3, to);
}

}  // namespace

char* put_java_double(char* to, double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  if (bits >> 63 != 0) *to++ = '-';
  uint64_t mantissa = bits & (kHiddenBit - 1);
  const int exponent = static_cast<int>(bits >> kMantissaBits & 0x7ff);
  if (exponent == 0 && mantissa == 0) return put_zero(to);
  if (exponent != 0) return put_digits(to, digits_of({mantissa | kHiddenBit, exponent - 1023, 53}));
  const int shift = std::countl_zero(mantissa) - (63 - kMantissaBits);
  mantissa <<= shift;
  return put_digits(to, digits_of({mantissa, 1 - shift - 1023, 53 - shift}));
}

char* put_java_float(char* to, float value) {
  constexpr int kFloatBits = 23;
  constexpr int kWiden = kMantissaBits - kFloatBits;
  const auto bits = std::bit_cast<uint32_t>(value);
  if (bits >> 31 != 0) *to++ = '-';
  uint64_t mantissa = uint64_t{bits & 0x7fffffU} << kWiden;
  const int exponent = static_cast<int>(bits >> kFloatBits & 0xff);
  if (exponent == 0 && mantissa == 0) return put_zero(to);
  if (exponent != 0) return put_digits(to, digits_of({mantissa | kHiddenBit, exponent - 127, 24}));
  const int shift = std::countl_zero(mantissa) - (63 - kMantissaBits);
  mantissa <<= shift;
  return put_digits(to, digits_of({mantissa, 1 - shift - 127, 24 - shift}));
}

}  // namespace millrace
