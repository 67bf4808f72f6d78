// From a change to a message: the recipient, the identity of (event, recipient), and the message's
// text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sink/email/address.h"
#include "sink/email/email_config.h"
#include "sink/email/mail_template.h"

namespace millrace {

struct HeaderTemplate {
  std::string name;
  MailTemplate value;
};

// "Name: value" lines; "" or what is wrong. Headers that the sink writes itself are refused.
std::string parse_header_templates(std::string_view text, std::vector<HeaderTemplate>& out);

class MessageBuilder {
 public:
  // `scope` tells the messages of two branches about one event apart ("pipeline/branch").
  static Result<MessageBuilder> make(const EmailSinkConfig& config, std::string scope);

  // kData: the row's address is missing or malformed.
  Result<std::string> recipient(const Change& change) const;

  // Same for every repeat of the event, 32 hexadecimal digits. A snapshot's row is identified by
  // its content too, for its position alone need not be unique.
  std::string hash(const Change& change, std::string_view recipient) const;

  Result<std::string> build(const Change& change, std::string_view recipient,
                            int64_t unix_seconds) const;

  // Envelope sender.
  const std::string& sender() const { return from_.address; }

 private:
  std::string scope_;
  std::string to_column_;
  Mailbox from_;
  std::string reply_to_;
  MailTemplate subject_;
  MailTemplate text_;
  MailTemplate html_;
  std::vector<HeaderTemplate> headers_;
};

// Hexadecimal digits of the first 16 bytes of SHA-256.
std::string short_hash(std::string_view bytes);

}  // namespace millrace
