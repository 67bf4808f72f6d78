// Diagnostics on stderr, in logfmt or JSON. Any thread. No row values, no secrets (I8); events in
// lower case.
//   log::info("slot created", {{"slot", name}, {"lsn", format_lsn(lsn)}});
//   → ts=2026-01-02T03:04:05.678Z level=info msg="slot created" slot=millrace lsn=0/15D6B88
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace millrace::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kLogfmt, kJson };

struct Pair {
  std::string_view key;
  std::string value;

  Pair(std::string_view k, std::string v) : key(k), value(std::move(v)) {}

  Pair(std::string_view k, std::string_view v) : key(k), value(v) {}

  Pair(std::string_view k, const char* v) : key(k), value(v) {}

  template <std::integral T>
  Pair(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
};

void configure(Level level, Format format);
bool enabled(Level level);
void write(Level level, std::string_view event, std::initializer_list<Pair> pairs);

// The last line of a terminal, which what is logged goes before: only where stderr is one.
// Empty: none. Cut to the terminal's width.
void draw_status(std::string_view line);

inline void debug(std::string_view event, std::initializer_list<Pair> pairs = {}) {
  if (enabled(Level::kDebug)) write(Level::kDebug, event, pairs);
}

inline void info(std::string_view event, std::initializer_list<Pair> pairs = {}) {
  write(Level::kInfo, event, pairs);
}

inline void warn(std::string_view event, std::initializer_list<Pair> pairs = {}) {
  write(Level::kWarn, event, pairs);
}

inline void error(std::string_view event, std::initializer_list<Pair> pairs = {}) {
  write(Level::kError, event, pairs);
}

}  // namespace millrace::log
