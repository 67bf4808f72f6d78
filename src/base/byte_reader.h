// Reads big-endian numbers and strings from a message. Sticky: after the first read past the end
// every read returns zero or an empty view and ok() stays false, so a decoder asks once, at its
// end. Views point into the message and die with it.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool ok() const { return ok_; }

  size_t left() const { return static_cast<size_t>(end_ - at_); }

  const char* at() const { return at_; }

  uint8_t u8() { return number<uint8_t>(); }

  uint16_t u16() { return number<uint16_t>(); }

  uint32_t u32() { return number<uint32_t>(); }

  uint64_t u64() { return number<uint64_t>(); }

  int16_t i16() { return static_cast<int16_t>(u16()); }

  int32_t i32() { return static_cast<int32_t>(u32()); }

  int64_t i64() { return static_cast<int64_t>(u64()); }

  std::string_view bytes(size_t n) {
    if (n > left()) return fail();
    std::string_view out(at_, n);
    at_ += n;
    return out;
  }

  // A string that ends with a zero byte, without it.
  std::string_view cstring() {
    const void* zero = std::memchr(at_, 0, left());
    if (zero == nullptr) return fail();
    std::string_view out(at_, static_cast<size_t>(static_cast<const char*>(zero) - at_));
    at_ += out.size() + 1;
    return out;
  }

 private:
  template <std::unsigned_integral T>
  T number() {
    if (left() < sizeof(T)) {
      fail();
      return 0;
    }
    T value = 0;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    return value;
  }

  std::string_view fail() {
    ok_ = false;
    at_ = end_;
    return {};
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace millrace
