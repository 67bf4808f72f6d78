// Wall and steady time. The only source of time in src/.
#pragma once

#include <chrono>
#include <cstdint>

namespace millrace {

using SteadyTime = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

inline SteadyTime steady_now() {
  return std::chrono::steady_clock::now();
}

// Nanoseconds since 1970, UTC.
inline int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

inline int64_t unix_now_us() {
  return unix_now_ns() / 1000;
}

inline int64_t unix_now_ms() {
  return unix_now_ns() / 1000000;
}

}  // namespace millrace
