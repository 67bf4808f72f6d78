// Against a server that says what the test tells it: a thread that accepts one connection, reads
// the startup message and writes bytes. What needs a real PostgreSQL is tested end to end.
#include "wire/postgres/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "tests/support/loopback.h"

namespace millrace::postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string message(char kind, const std::string& body) {
  const auto length = static_cast<uint32_t>(body.size() + 4);
  std::string out(1, kind);
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(length >> shift & 0xff);
  return out + body;
}

std::string error(const std::string& severity, const std::string& state, const std::string& text) {
  const std::string zero(1, '\0');
  return message('E', "S" + severity + zero + "V" + severity + zero + "C" + state + zero + "M" +
                          text + zero + "DKey (id)=(secret value)" + zero + zero);
}

std::string welcome() {
  const std::string ok(4, '\0');
  return message('R', ok) + message('K', ok + ok) + message('Z', "I");
}

class ScriptedServer {
 public:
  // Answers the startup with `first`, each later message with the next of `answers`, then closes.
  explicit ScriptedServer(std::string first, std::vector<std::string> answers = {}) {
    answers.insert(answers.begin(), std::move(first));
    thread_ = std::jthread([this, answers = std::move(answers)] { serve(answers); });
  }

  ~ScriptedServer() {
    listener_.end();
    thread_.join();
  }

  std::string port() const { return std::to_string(listener_.port()); }

  ConnectOptions options() const {
    ConnectOptions out;
    out.keywords = {{"host", "127.0.0.1"},    {"port", port()},           {"user", "u"},
                    {"dbname", "d"},          {"password", "top secret"}, {"sslmode", "disable"},
                    {"gssencmode", "disable"}};
    return out;
  }

 private:
  void serve(const std::vector<std::string>& answers) const {
    const int peer = listener_.accept();
    if (peer < 0) return;
    std::array<char, 4096> buffer{};
    for (const std::string& answer : answers) {
      if (::read(peer, buffer.data(), buffer.size()) <= 0) break;
      if (::write(peer, answer.data(), answer.size()) < 0) break;
    }
    ::close(peer);
  }

  LoopbackListener listener_;
  std::jthread thread_;
};

Error open_error(const ConnectOptions& options) {
  const auto opened = Connection::open(options);
  EXPECT_FALSE(opened);
  return opened ? Error() : opened.error();
}

TEST(ConnectionOpen, AWrongPasswordIsUnauthorized) {
  const ScriptedServer server(error("FATAL", "28P01", "password authentication failed"));
  const Error failed = open_error(server.options());
  EXPECT_EQ(failed.kind, ErrorKind::kUnauthorized);
  EXPECT_THAT(failed.message, HasSubstr("password authentication failed"));
  EXPECT_THAT(failed.message, Not(HasSubstr("28P01")));
  EXPECT_THAT(failed.text(), Not(HasSubstr("top secret")));
}

TEST(ConnectionOpen, TheKindDoesNotDependOnTheServersLanguage) {
  const ScriptedServer server(error("ВАЖНО", "28P01", "пользователь \"u\" не прошёл проверку"));
  const Error failed = open_error(server.options());
  EXPECT_EQ(failed.kind, ErrorKind::kUnauthorized);
  EXPECT_THAT(failed.message, HasSubstr("не прошёл проверку"));
  EXPECT_THAT(failed.message, Not(HasSubstr("28P01")));
}

TEST(ConnectionOpen, AServerThatStartsIsUnreachable) {
  const ScriptedServer server(error("FATAL", "57P03", "the database system is starting up"));
  EXPECT_EQ(open_error(server.options()).kind, ErrorKind::kUnreachable);
}

TEST(ConnectionOpen, TooManyConnectionsIsBusy) {
  const ScriptedServer server(error("FATAL", "53300", "sorry, too many clients already"));
  EXPECT_EQ(open_error(server.options()).kind, ErrorKind::kBusy);
}

TEST(ConnectionOpen, AMissingDatabaseIsNotFound) {
  const ScriptedServer server(error("FATAL", "3D000", "database \"d\" does not exist"));
  EXPECT_EQ(open_error(server.options()).kind, ErrorKind::kNotFound);
}

TEST(ConnectionOpen, NobodyListeningIsUnreachable) {
  ConnectOptions options;
  options.keywords = {{"host", "127.0.0.1"}, {"port", "1"}, {"user", "u"}};
  EXPECT_EQ(open_error(options).kind, ErrorKind::kUnreachable);
}

TEST(ConnectionOpen, TheNextServerIsTriedWhenOneIsUnreachable) {
  const ScriptedServer starts(error("FATAL", "57P03", "the database system is starting up"));
  const ScriptedServer silent("", {""});
  const ScriptedServer good(welcome());
  ConnectOptions options = starts.options();
  options.connect_timeout = Millis(500);
  options.more_servers = {{"127.0.0.1", silent.port()}, {"127.0.0.1", good.port()}};
  EXPECT_TRUE(Connection::open(options));
}

TEST(ConnectionOpen, WhenNoServerLetsUsInAllAreNamed) {
  const ScriptedServer first(error("FATAL", "57P03", "the database system is starting up"));
  const ScriptedServer second(error("FATAL", "57P01", "the database system is shutting down"));
  ConnectOptions options = first.options();
  options.more_servers = {{"127.0.0.1", second.port()}};
  const Error failed = open_error(options);
  EXPECT_EQ(failed.kind, ErrorKind::kUnreachable);
  EXPECT_THAT(failed.message, HasSubstr("starting up"));
  EXPECT_THAT(failed.message, HasSubstr("shutting down"));
}

TEST(ConnectionOpen, AWrongPasswordIsNotTriedOnTheNextServer) {
  const ScriptedServer first(error("FATAL", "28P01", "password authentication failed"));
  const ScriptedServer second(welcome());
  ConnectOptions options = first.options();
  options.more_servers = {{"127.0.0.1", second.port()}};
  EXPECT_EQ(open_error(options).kind, ErrorKind::kUnauthorized);
}

TEST(ConnectionOpen, AServerThatSaysNothingIsGivenUp) {
  const ScriptedServer server("", {""});
  ConnectOptions options = server.options();
  options.connect_timeout = Millis(50);
  const Error failed = open_error(options);
  EXPECT_EQ(failed.kind, ErrorKind::kUnreachable);
  EXPECT_THAT(failed.message, HasSubstr("within 50 ms"));
}

TEST(ConnectionOpen, AKeywordThatLibpqDoesNotKnowIsAConfigurationError) {
  ConnectOptions options;
  options.keywords = {{"no_such_keyword", "1"}};
  EXPECT_EQ(open_error(options).kind, ErrorKind::kConfig);
}

TEST(ConnectionOpen, ServerWithoutTlsIsAConfigurationErrorWhereTlsIsRequired) {
  const ScriptedServer server("N");
  ConnectOptions options = server.options();
  for (auto& [name, value] : options.keywords) {
    if (name == "sslmode") value = "require";
  }
  EXPECT_EQ(open_error(options).kind, ErrorKind::kConfig);
}

TEST(ConnectionQuery, ErrorsHaveTheirKindAndNoRowValues) {
  const ScriptedServer server(
      welcome(),
      {error("ERROR", "55006", "replication slot \"s\" is active for PID 1") + message('Z', "I")});
  auto connection = Connection::open(server.options());
  ASSERT_TRUE(connection) << connection.error().text();
  const auto rows = connection->query("select 1");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::kBusy);
  EXPECT_EQ(connection->sqlstate(), "55006");
  EXPECT_THAT(rows.error().text(), Not(HasSubstr("secret value")));
}

TEST(ConnectionQuery, ALostConnectionIsUnreachable) {
  const ScriptedServer server(welcome(), {});
  auto connection = Connection::open(server.options());
  ASSERT_TRUE(connection) << connection.error().text();
  const auto rows = connection->query("select 1");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::kUnreachable);
  EXPECT_FALSE(connection->alive());
}

TEST(ConnectionQuery, AServerThatDoesNotAnswerIsGivenUp) {
  const ScriptedServer server(welcome(), {"", ""});
  ConnectOptions options = server.options();
  options.answer_timeout = Millis(50);
  auto connection = Connection::open(options);
  ASSERT_TRUE(connection) << connection.error().text();
  const auto rows = connection->query("select 1");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::kUnreachable);
  EXPECT_THAT(rows.error().message, HasSubstr("50 ms"));
  EXPECT_FALSE(connection->alive());
}

TEST(ConnectionStream, GivesMessagesThenNothingThenTheEnd) {
  const std::string copy_both = message('W', std::string(3, '\0'));
  const ScriptedServer server(welcome(), {copy_both + message('d', "one") + message('d', "two"),
                                          error("FATAL", "57P01", "terminating connection")});
  auto connection = Connection::open(server.options());
  ASSERT_TRUE(connection) << connection.error().text();
  ASSERT_TRUE(connection->start_replication("START_REPLICATION …"));
  const SteadyTime soon = steady_now() + Millis(2000);
  EXPECT_EQ(**connection->read_stream(soon), "one");
  EXPECT_EQ(**connection->read_stream(soon), "two");
  EXPECT_EQ(*connection->read_stream(steady_now()), std::nullopt);
  ASSERT_TRUE(connection->write_stream("r"));
  const auto ended = connection->read_stream(soon);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, ErrorKind::kUnreachable);
}

}  // namespace
}  // namespace millrace::postgres
