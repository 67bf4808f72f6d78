// How long to wait before trying again: doubles from min to max, with up to a quarter of jitter so
// that many programs don't come back at the same instant.
#pragma once

#include <algorithm>
#include <random>

#include "base/clock.h"

namespace millrace {

class BackOff {
 public:
  BackOff(Millis min, Millis max) : min_(min), max_(max), next_(min) {}

  Millis next() {
    const Millis wait = next_;
    next_ = std::min(max_, next_ * 2);
    return wait + Millis(std::uniform_int_distribution<int64_t>(0, wait.count() / 4)(random_));
  }

  void reset() { next_ = min_; }

 private:
  Millis min_;
  Millis max_;
  Millis next_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace millrace
