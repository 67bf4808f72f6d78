// Against a broker that is a thread: it answers a login as the test says, and is a cluster without
// topics.
#include "wire/kafka/client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "tests/support/loopback.h"

namespace millrace::kafka {
namespace {

using testing::IsEmpty;

enum class Login : uint8_t { kAccepted, kRefused, kCutOff };

constexpr char kMetadata = 3;
constexpr char kHandshake = 17;
constexpr char kVersions = 18;
constexpr uint16_t kUnsupportedMechanism = 33;
constexpr uint16_t kUnsupportedVersion = 35;

std::string int16(uint16_t number) {
  number = htons(number);
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string int32(uint32_t number) {
  number = htonl(number);
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string text(std::string_view bytes) {
  return int16(static_cast<uint16_t>(bytes.size())) + std::string(bytes);
}

class ScriptedBroker {
 public:
  // One for each connection; the last for all that follow.
  explicit ScriptedBroker(std::vector<Login> logins) {
    thread_ = std::jthread([this, logins = std::move(logins)] {
      for (size_t i = 0; serve(logins[std::min(i, logins.size() - 1)]); ++i) {
      }
    });
  }

  ~ScriptedBroker() {
    listener_.end();
    thread_.join();
  }

  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  std::unique_ptr<Client> client() const {
    auto made = Client::open(ClientRole::kProducer,
                             {{"bootstrap.servers", fmt::format("127.0.0.1:{}", listener_.port())},
                              {"security.protocol", "sasl_plaintext"},
                              {"sasl.mechanism", "PLAIN"},
                              {"sasl.username", "u"},
                              {"sasl.password", "p"}},
                             nullptr);
    EXPECT_TRUE(made);
    return std::move(*made);
  }

 private:
  // False: no more connections.
  bool serve(Login login) const {
    const int peer = listener_.accept();
    if (peer < 0) return false;
    for (std::string asked = frame(peer); !asked.empty(); asked = frame(peer)) {
      const char kind = asked[1];
      if (kind == kHandshake && login == Login::kCutOff) break;
      const std::string body = asked.substr(4, 4) + answer(kind, asked[3] == 0, login);
      send(peer, int32(static_cast<uint32_t>(body.size())) + body);
      if (kind == kHandshake && !frame(peer).empty()) send(peer, int32(0));
    }
    ::close(peer);
    return true;
  }

  std::string answer(char kind, bool is_oldest_version, Login login) const {
    if (kind == kVersions) {
      std::string out = int16(is_oldest_version ? 0 : kUnsupportedVersion) + int32(3);
      for (const char known : {kMetadata, kHandshake, kVersions})
        out += int16(static_cast<uint16_t>(known)) + int16(0) + int16(0);
      return out;
    }
    if (kind == kHandshake) {
      return int16(login == Login::kRefused ? kUnsupportedMechanism : 0) + int32(1) + text("OTHER");
    }
    return int32(1) + int32(1) + text("127.0.0.1") + int32(listener_.port()) + int32(0);
  }

  static void send(int peer, const std::string& bytes) {
    ::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  static std::string frame(int peer) {
    uint32_t size = 0;
    if (::recv(peer, &size, sizeof size, MSG_WAITALL) != sizeof size) return {};
    std::string out(ntohl(size), '\0');
    if (::recv(peer, out.data(), out.size(), MSG_WAITALL) <= 0) return {};
    return out;
  }

  LoopbackListener listener_;
  std::jthread thread_;
};

SteadyTime in(Millis time) {
  return steady_now() + time;
}

TEST(KafkaLogin, ARefusedOneIsUnauthorized) {
  const ScriptedBroker broker({Login::kRefused});
  const auto connected = broker.client()->connect(in(Millis(3000)));
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().kind, ErrorKind::kUnauthorized);
}

TEST(KafkaLogin, OneThatIsCutOffIsNotRefused) {
  const ScriptedBroker broker({Login::kCutOff});
  const auto connected = broker.client()->connect(in(Millis(1000)));
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().kind, ErrorKind::kUnreachable) << connected.error().text();
}

TEST(KafkaLogin, AnAnswerCountsMoreThanARefusalBeforeIt) {
  const ScriptedBroker broker({Login::kRefused, Login::kAccepted});
  const auto topics = broker.client()->topics(in(Millis(20000)));
  ASSERT_TRUE(topics) << topics.error().text();
  EXPECT_THAT(*topics, IsEmpty());
}

}  // namespace
}  // namespace millrace::kafka
