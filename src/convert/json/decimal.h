// PostgreSQL's numeric and money as text → the forms of java.math.BigDecimal. Exact: nothing passes
// through a double unless asked. A number is [-]digits[.digits][e[+-]digits].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// A decimal number: digits · 10^-scale. `digits` has no sign and no leading zeros ("0" is "0").
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t scale = 0;
};

// Fills `to` (its string is reused) from text; false when it is not a number (NaN, Infinity,
// anything else).
bool parse_decimal(std::string_view text, Decimal& to);

// Money as any lc_monetary prints it: "-$1,234.56", "($1.00)", "1.234,56 €", "￥1,234". What
// follows the last point or comma is the fraction, but three digits are thousands where there is
// only one of the two kinds: a locale whose money has three digits (Kuwait's) is not told apart
// below 1,000.
bool parse_money(std::string_view text, Decimal& to);

enum class Rounding : uint8_t { kUnnecessary, kHalfUp };

// Changes the scale; false when digits would be lost and the rounding is kUnnecessary.
bool set_scale(Decimal& decimal, int64_t scale, Rounding rounding);

// Removes zeros from the end of the fraction (not of whole numbers): BigDecimal.stripTrailingZeros
// with the scale kept at 0 or more.
void strip_fraction_zeros(Decimal& decimal);

// The unscaled value as big-endian two's complement, as short as possible: BigInteger.toByteArray.
void unscaled_bytes(const Decimal& decimal, std::string& out);

// BigDecimal.toPlainString, toString and doubleValue.
void append_plain(const Decimal& decimal, std::string& out);
void append_scientific(const Decimal& decimal, std::string& out);
double to_double(const Decimal& decimal);

}  // namespace millrace
