// The e-mail sink against a real SMTP server behind a gate; read from the folder where that server
// keeps each message as a file.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sink/email/email_sink.h"
#include "tests/conformance/gate.h"
#include "tests/conformance/store.h"

namespace millrace::conformance {

namespace {

// The value of a header line; "" when there is none.
std::string header(std::string_view message, std::string_view name) {
  const size_t at = message.find("\r\n" + std::string(name) + ": ");
  if (at == std::string_view::npos) return {};
  const size_t from = at + 2 + name.size() + 2;
  return std::string(message.substr(from, message.find("\r\n", from) - from));
}

class EmailStore final : public Store {
 public:
  EmailStore(int server_port, std::string folder)
      : folder_(std::move(folder)), gate_(0, server_port, "\r\n.\r\n") {}

  Traits traits() const override {
    return {.keeps_progress = true,
            .doubles = 1,
            .refuses = true,
            .can_hold = true,
            .can_go_away = true};
  }

  std::unique_ptr<Sink> make_sink(const SinkContext& context) override {
    EmailSinkConfig config;
    config.host = "127.0.0.1";
    config.port = gate_.port();
    config.tls = MailTls::kNone;
    config.from = "shop@example.com";
    config.subject = "item ${id} of " + run();
    config.text = "${padding}";
    return make_email_sink(config, context);
  }

  std::vector<StoredItem> read() override {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<StoredItem> out;
    for (const auto& file : files) {
      std::ostringstream text;
      text << "\r\n" << std::ifstream(file, std::ios::binary).rdbuf();
      const std::string message = text.str();
      const std::string subject = header(message, "Subject");
      if (!subject.ends_with(" of " + run())) continue;
      StoredItem item{.bytes = header(message, "Message-ID")};
      const std::string_view digits = std::string_view(subject).substr(5);
      std::from_chars(digits.data(), digits.data() + digits.size(), item.id);
      out.push_back(std::move(item));
    }
    return out;
  }

  void hold() override { gate_.set(Gate::State::kHeld); }

  void lose_answers() override { gate_.set(Gate::State::kMute); }

  void go_away() override { gate_.set(Gate::State::kShut); }

  void come_back() override { gate_.set(Gate::State::kOpen); }

 private:
  const std::string folder_;
  Gate gate_;
};

}  // namespace

std::unique_ptr<Store> make_email_store() {
  const char* port = std::getenv("MILLRACE_TEST_SMTP");
  const char* folder = std::getenv("MILLRACE_TEST_MAILS");
  if (port == nullptr || folder == nullptr) return nullptr;
  return std::make_unique<EmailStore>(std::atoi(port), folder);
}

}  // namespace millrace::conformance
