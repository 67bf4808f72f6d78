#include <fmt/format.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "assembly.h"
#include "base/log.h"
#include "command/command.h"
#include "command/control.h"
#include "command/findings.h"
#include "command/report.h"
#include "command/state_lock.h"
#include "pipeline/status_text.h"

namespace millrace {

namespace {

// Turns SIGTERM and SIGINT into a stop request; a second one ends the process at once.
class SignalWatch {
 public:
  // Before any other thread is made: they inherit the mask.
  SignalWatch() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGUSR1);  // ends the watch itself
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    thread_ = std::thread([this] { watch(); });
  }

  ~SignalWatch() {
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch() {
    for (int received = 0;; received = received + 1) {
      int signal = 0;
      ::sigwait(&signals_, &signal);
      if (signal == SIGUSR1) return;
      if (stop_.stop_requested()) ::_exit(128 + signal);
      log::info("stopping: delivering what was read",
                {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      stop_.request_stop();
    }
  }

  sigset_t signals_{};
  std::stop_source stop_;
  std::thread thread_;
};

Result<void> serve_and_run(const Assembly& assembly, std::stop_token stop) {
  MemoryBudget budget(static_cast<size_t>(assembly.options.memory_max.value));
  auto pipeline = build_pipeline(assembly, budget);
  if (!pipeline) return std::unexpected(pipeline.error());
  std::stop_source ended;
  auto control = http::Server::start("unix:" + control_socket(assembly),
                                     control_handler(**pipeline, assembly, ended.get_token()));
  if (!control)
    log::warn("verify and query cannot reach this process", {{"error", control.error().text()}});
  std::unique_ptr<http::Server> server;
  if (!assembly.options.http_listen.empty()) {
    auto started = http::Server::start(assembly.options.http_listen, public_handler(**pipeline));
    if (!started) return std::unexpected(started.error());
    server = std::move(*started);
    log::info("listening", {{"address", server->address()}});
  }
  std::jthread reporter([&](std::stop_token done) { report_progress(**pipeline, done); });
  auto result = (*pipeline)->run(stop);
  ended.request_stop();
  return result;
}

}  // namespace

int run_command(const RunOptions& options) {
  Problems problems;
  const Assembly assembly = read_assembly(options, problems);
  print_problems(problems, stderr);
  if (has_errors(problems)) return kExitFound;
  log::configure(assembly.options.log_level, assembly.options.log_format);
  const SignalWatch signals;
  const auto lock = lock_state(assembly);
  if (!lock) {
    log::error("cannot start", {{"error", lock.error().text()}});
    return kExitFailed;
  }
  log::info("starting",
            {{"pipeline", assembly.config.name}, {"branches", assembly.config.branches.size()}});
  const auto result = serve_and_run(assembly, signals.token());
  if (!result) {
    log::error("ended", {{"kind", name(result.error().kind)}, {"error", result.error().text()}});
  } else {
    log::info("stopped: everything that was read is delivered");
  }
  return exit_code_of(result);
}

}  // namespace millrace
