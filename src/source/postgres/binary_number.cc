#include "source/postgres/binary_number.h"

#include <algorithm>
#include <charconv>

#include "base/byte_reader.h"

namespace millrace::binary {

namespace {

constexpr size_t kIntegerBytesMax = 24;

template <class T>
bool render_integer(std::string_view value, ArenaText& out) {
  if (value.size() != sizeof(T)) return false;
  ByteReader in(value);
  T number = 0;
  if constexpr (sizeof(T) == 2) number = static_cast<T>(in.u16());
  if constexpr (sizeof(T) == 4) number = static_cast<T>(in.u32());
  if constexpr (sizeof(T) == 8) number = static_cast<T>(in.u64());
  char* to = out.room(kIntegerBytesMax);
  out.ended(std::to_chars(to, to + kIntegerBytesMax, number).ptr);
  return true;
}

// numeric: digits of base 10000, the first of them times 10000^weight, and how many decimals are
// shown.
struct Numeric {
  std::string_view digits;  // two bytes each
  int count = 0;
  int weight = 0;
  int scale = 0;
  bool negative = false;

  int digit(int index) const {
    if (index < 0 || index >= count) return 0;
    const size_t at = 2 * static_cast<size_t>(index);
    return static_cast<uint8_t>(digits[at]) << 8 | static_cast<uint8_t>(digits[at + 1]);
  }
};

constexpr int kBase = 10000;

char* put_four(char* to, int digit) {
  *to++ = static_cast<char>('0' + digit / 1000);
  *to++ = static_cast<char>('0' + digit / 100 % 10);
  *to++ = static_cast<char>('0' + digit / 10 % 10);
  *to++ = static_cast<char>('0' + digit % 10);
  return to;
}

void put_numeric(const Numeric& number, ArenaText& out) {
  const int whole = std::max(number.weight, 0) + 1;
  char* to = out.room(4 * static_cast<size_t>(whole) + static_cast<size_t>(number.scale) + 8);
  if (number.negative) *to++ = '-';
  to = std::to_chars(to, to + 4, number.weight < 0 ? 0 : number.digit(0)).ptr;
  for (int i = 1; i <= number.weight; ++i)
    to = put_four(to, number.digit(i));
  if (number.scale > 0) {
    *to++ = '.';
    char* const end = to + number.scale;
    for (int i = number.weight + 1; to < end; ++i)
      to = put_four(to, number.digit(i));
    to = end;
  }
  out.ended(to);
}

}  // namespace

bool render_int2(std::string_view value, ArenaText& out) {
  return render_integer<int16_t>(value, out);
}

bool render_int4(std::string_view value, ArenaText& out) {
  return render_integer<int32_t>(value, out);
}

bool render_int8(std::string_view value, ArenaText& out) {
  return render_integer<int64_t>(value, out);
}

bool render_oid(std::string_view value, ArenaText& out) {
  return render_integer<uint32_t>(value, out);
}

bool render_numeric(std::string_view value, ArenaText& out) {
  constexpr uint16_t kNegative = 0x4000;
  constexpr uint16_t kNan = 0xc000;
  constexpr uint16_t kInfinity = 0xd000;
  constexpr uint16_t kMinusInfinity = 0xf000;
  constexpr int kMaxScale = 0x3fff;
  ByteReader in(value);
  Numeric number;
  number.count = in.u16();
  number.weight = in.i16();
  const uint16_t sign = in.u16();
  number.scale = in.u16();
  if (!in.ok() || in.left() != 2 * static_cast<size_t>(number.count)) return false;
  number.digits = in.bytes(in.left());
  if (sign == kNan || sign == kInfinity || sign == kMinusInfinity) {
    out.put(sign == kNan ? "NaN" : sign == kInfinity ? "Infinity" : "-Infinity");
    return true;
  }
  number.negative = sign == kNegative;
  if ((sign != 0 && !number.negative) || number.scale > kMaxScale) return false;
  for (int i = 0; i < number.count; ++i) {
    if (number.digit(i) >= kBase) return false;
  }
  put_numeric(number, out);
  return true;
}

}  // namespace millrace::binary
