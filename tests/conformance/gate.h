// Stands between a sink and its real server on the loopback, and spoils the connection when told
// to.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace millrace::conformance {

class Gate {
 public:
  enum class State {
    kOpen,
    kHeld,  // connections stay; nothing passes in either direction
    kMute,  // the server gets all; from `last_words` of the client on its answers are thrown away
    kShut,  // connections are cut, new ones as well
  };

  // Listens on `port` (0: any free one). Aborts the test program when it cannot. `last_words`
  // empty: kMute begins at once.
  Gate(int port, int server_port, std::string last_words = {});
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  int port() const { return port_; }

  // In force when it returns.
  void set(State state);

 private:
  struct Pair {
    int client;
    int server;
    std::string tail;  // the client's last bytes
    bool is_mute = false;
  };

  void run(const std::stop_token& stop);
  void take_connection(State state);
  // False: the connection has ended.
  bool pass_on(Pair& pair, State state) const;
  bool pass_back(const Pair& pair, State state) const;
  void close_all();

  const int server_port_;
  const std::string last_words_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<Pair> pairs_;  // the thread's own
  std::atomic<State> wanted_{State::kOpen};
  std::atomic<State> current_{State::kOpen};
  std::jthread thread_;
};

}  // namespace millrace::conformance
