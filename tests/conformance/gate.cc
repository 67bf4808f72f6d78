#include "tests/conformance/gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

namespace millrace::conformance {

namespace {

constexpr int kTickMs = 5;

sockaddr_in loopback(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

// nullopt: the connection has ended.
std::optional<std::string> receive(int from) {
  std::string bytes(65536, '\0');
  const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
  if (got <= 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

const sockaddr* raw(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

Gate::Gate(int port, int server_port, std::string last_words)
    : server_port_(server_port), last_words_(std::move(last_words)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof address;
  if (::bind(listener_, raw(address), sizeof address) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("gate");
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Gate::~Gate() {
  thread_.request_stop();
  thread_.join();
  close_all();
  ::close(listener_);
}

void Gate::set(State state) {
  wanted_ = state;
  while (current_ != state)
    std::this_thread::yield();
}

void Gate::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const State state = wanted_;
    if (state == State::kShut) close_all();
    current_ = state;
    std::vector<pollfd> ready{{listener_, POLLIN, 0}};
    if (state != State::kHeld) {
      for (const Pair& pair : pairs_) {
        ready.push_back({pair.client, POLLIN, 0});
        ready.push_back({pair.server, POLLIN, 0});
      }
    }
    if (::poll(ready.data(), ready.size(), kTickMs) <= 0) continue;
    for (size_t i = ready.size() / 2; i-- > 0 && ready.size() > 1;) {
      Pair& pair = pairs_[i];
      bool alive = true;
      if (ready[1 + 2 * i].revents != 0) alive = pass_on(pair, state);
      if (alive && ready[2 + 2 * i].revents != 0) alive = pass_back(pair, state);
      if (alive) continue;
      ::close(pair.client);
      ::close(pair.server);
      pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (ready[0].revents != 0) take_connection(state);
  }
}

void Gate::take_connection(State state) {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(server_port_);
  if (state == State::kShut || ::connect(server, raw(address), sizeof address) != 0) {
    ::close(client);
    ::close(server);
    return;
  }
  pairs_.push_back({.client = client, .server = server, .tail = {}});
}

bool Gate::pass_on(Pair& pair, State state) const {
  const auto bytes = receive(pair.client);
  if (!bytes) return false;
  pair.tail += *bytes;
  pair.tail.erase(0, pair.tail.size() - std::min(pair.tail.size(), last_words_.size()));
  if (state == State::kMute && pair.tail.ends_with(last_words_)) pair.is_mute = true;
  return send_all(pair.server, *bytes);
}

bool Gate::pass_back(const Pair& pair, State state) const {
  const auto bytes = receive(pair.server);
  if (!bytes) return false;
  const bool is_mute = state == State::kMute && (pair.is_mute || last_words_.empty());
  return is_mute || send_all(pair.client, *bytes);
}

void Gate::close_all() {
  for (const Pair& pair : pairs_) {
    ::close(pair.client);
    ::close(pair.server);
  }
  pairs_.clear();
}

}  // namespace millrace::conformance
