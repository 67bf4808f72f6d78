// Sends one message at a time to one SMTP server over a connection that is kept. Each message has a
// thread of its own, for libcurl blocks while it waits for the server's answer to a text. The
// process must ignore SIGPIPE.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "sink/email/email_config.h"
#include "sink/email/smtp_reply.h"

namespace millrace {

struct SmtpMessage {
  std::string sender;
  std::string recipient;
  std::string text;  // lines end with CRLF
  // Called when the server has asked for the text, before its first byte goes out, in the message's
  // thread, until run() has given the result; false stops the transaction.
  std::function<bool()> before_text;
};

class SmtpClient {
 public:
  explicit SmtpClient(const EmailSinkConfig& config);
  ~SmtpClient();

  SmtpClient(const SmtpClient&) = delete;
  SmtpClient& operator=(const SmtpClient&) = delete;

  bool is_busy() const;

  // Not while busy.
  void start(SmtpMessage message);

  // Waits for the message's result until the deadline.
  std::optional<SmtpResult> run(SteadyTime deadline);

  // Gives up the message and its connection; within a second.
  void reset();

  // Connects, greets, makes TLS, logs in and asks whether the sender may send; sends nothing.
  // Blocks up to mail.timeout.ms. nullopt: all is well. For `millrace check`.
  std::optional<Error> probe(const std::string& sender);

 private:
  class Transfer;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace millrace
