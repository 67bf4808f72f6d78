#include "wire/kafka/client_log.h"

#include <string_view>
#include <utility>

#include "base/log.h"

namespace millrace::kafka {

namespace {

constexpr int kSyslogWarning = 4;
constexpr std::chrono::seconds kQuiet{10};

}  // namespace

void ClientLog::write(int level, const char* facility, const char* text) {
  // A producer that is given up with records in its queue (the next one sends them again); remarks
  // on our own settings.
  const std::string_view kind_name(facility);
  const bool expected = kind_name == "TERMINATE" || kind_name == "CONFWARN";
  if (level > kSyslogWarning || expected) {
    log::debug("kafka client", {{"kind", facility}, {"says", text}});
    return;
  }
  uint64_t left_out = 0;
  {
    const std::lock_guard lock(mutex_);
    Kind& kind = kinds_[facility];
    const SteadyTime now = steady_now();
    if (kind.last != SteadyTime{} && now - kind.last < kQuiet) {
      ++kind.left_out;
      return;
    }
    kind.last = now;
    left_out = std::exchange(kind.left_out, 0);
  }
  log::warn("kafka client", {{"kind", facility}, {"says", text}, {"left_out", left_out}});
}

}  // namespace millrace::kafka
