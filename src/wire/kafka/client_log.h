// librdkafka's log lines → ours, at most one of a kind in ten seconds: it repeats itself many times
// a second while a broker is away. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace millrace::kafka {

class ClientLog {
 public:
  // `level` is syslog's. `facility` is librdkafka's short name of the kind ("FAIL").
  void write(int level, const char* facility, const char* text);

 private:
  struct Kind {
    SteadyTime last{};
    uint64_t left_out = 0;
  };

  std::mutex mutex_;
  std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace millrace::kafka
