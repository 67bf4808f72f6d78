#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "base/json_text.h"

namespace millrace::log {

namespace {

// Set once, at start. NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<Format> g_format{Format::kLogfmt};

// Whether the terminal's last line is a status. NOLINTNEXTLINE(*-avoid-non-const-global-variables)
std::atomic<bool> g_has_status{false};

constexpr std::string_view kClearLine = "\r\x1b[K";

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "info";
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> kInstance = [] {
    auto made = spdlog::stderr_logger_mt("millrace");
    made->set_pattern("%v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *kInstance;
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::milliseconds>(now) - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

}  // namespace

void configure(Level level, Format format) {
  g_format = format;
  logger().set_level(level_of(level));
}

bool enabled(Level level) {
  return logger().should_log(level_of(level));
}

void write(Level level, std::string_view event, std::initializer_list<Pair> pairs) {
  if (!enabled(level)) return;
  const bool json = g_format == Format::kJson;
  std::string line;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (json) {
      line += line.empty() ? "{" : ",";
      append_json_string(line, key);
      line += ':';
      append_json_string(line, value);
      return;
    }
    if (!line.empty()) line += ' ';
    line += key;
    line += '=';
    if (is_plain(value)) {
      line += value;
    } else {
      append_json_string(line, value);
    }
  };
  add("ts", timestamp());
  add("level", name_of(level));
  add("msg", event);
  for (const Pair& pair : pairs)
    add(pair.key, pair.value);
  if (json) line += '}';
  if (g_has_status.exchange(false)) line.insert(0, kClearLine);
  logger().log(level_of(level), line);
}

void draw_status(std::string_view line) {
  if (line.empty() && !g_has_status) return;
  constexpr size_t kUsualWidth = 80;
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  std::string text(kClearLine);
  text += line.substr(0, (is_known ? size.ws_col : kUsualWidth) - 1);
  g_has_status = !line.empty();
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace millrace::log
