// An unsigned number of at most 1408 bits on the stack, with the few operations that digit
// generation needs: enough for 2^1076 · 10 and for 5^325 times a power of two that makes it whole.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace {

class BigUnsigned {
 public:
  explicit BigUnsigned(uint64_t value) {
    limbs_[0] = static_cast<uint32_t>(value);
    limbs_[1] = static_cast<uint32_t>(value >> 32);
    used_ = 2;
    trim();
  }

  void multiply(uint32_t factor) {
    uint64_t carry = 0;
    for (size_t i = 0; i < used_; ++i) {
      carry += uint64_t{limbs_[i]} * factor;
      limbs_[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs_[used_++] = static_cast<uint32_t>(carry);
  }

  void multiply_power_of_5(int power) {
    constexpr uint32_t kFive13 = 1220703125;  // the largest that fits
    for (; power >= 13; power -= 13)
      multiply(kFive13);
    for (; power > 0; --power)
      multiply(5);
  }

  void shift_left(int bits) {
    const auto limbs = static_cast<size_t>(bits / 32);
    multiply(uint32_t{1} << (bits % 32));
    if (limbs == 0 || used_ == 0) return;
    for (size_t i = used_; i-- > 0;)
      limbs_[i + limbs] = limbs_[i];
    std::fill_n(limbs_.begin(), limbs, 0);
    used_ += limbs;
  }

  int compare(const BigUnsigned& other) const {
    if (used_ != other.used_) return used_ < other.used_ ? -1 : 1;
    for (size_t i = used_; i-- > 0;) {
      if (limbs_[i] != other.limbs_[i]) return limbs_[i] < other.limbs_[i] ? -1 : 1;
    }
    return 0;
  }

  // Whether *this + other >= limit.
  bool sum_reaches(const BigUnsigned& other, const BigUnsigned& limit) const {
    BigUnsigned sum = *this;
    sum.add(other);
    return sum.compare(limit) >= 0;
  }

  // Quotient (0 … 9) by `divisor`; *this becomes ten times the rest.
  int take_digit(const BigUnsigned& divisor) {
    int digit = 0;
    for (; compare(divisor) >= 0; ++digit)
      subtract(divisor);
    multiply(10);
    return digit;
  }

 private:
  void add(const BigUnsigned& other) {
    const size_t size = std::max(used_, other.used_);
    uint64_t carry = 0;
    for (size_t i = 0; i < size; ++i) {
      carry += uint64_t{limbs_[i]} + other.limbs_[i];
      limbs_[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    used_ = size;
    if (carry != 0) limbs_[used_++] = static_cast<uint32_t>(carry);
  }

  void subtract(const BigUnsigned& other) {
    int64_t borrow = 0;
    for (size_t i = 0; i < used_; ++i) {
      borrow += int64_t{limbs_[i]} - int64_t{other.limbs_[i]};
      limbs_[i] = static_cast<uint32_t>(borrow);
      borrow >>= 32;
    }
    trim();
  }

  void trim() {
    while (used_ > 0 && limbs_[used_ - 1] == 0)
      --used_;
  }

  std::array<uint32_t, 44> limbs_{};  // zero above used_
  size_t used_ = 0;
};

}  // namespace millrace
