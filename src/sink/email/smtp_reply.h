// What an SMTP transaction came to, judged from how far it got and what the server said last (RFC
// 5321 §4.2).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace {

// The command that the server answered last, or was to answer.
enum class SmtpPhase { kConnect, kHello, kStartTls, kLogin, kSender, kRecipient, kData, kText };

enum class SmtpOutcome {
  kDelivered,  // 250 after the text
  kRefused,    // 5xx for this recipient or text: no use to try again
  kPutOff,     // 4xx for this recipient or text: later
  kDoubt,      // the whole text was sent, no answer came
  kFailed,     // not sent, for a reason that the next message would meet too
};

struct SmtpResult {
  SmtpOutcome outcome = SmtpOutcome::kFailed;
  Error error;  // unless kDelivered
  bool has_timed_out = false;
  bool text_was_started = false;    // the server asked for the text
  bool connection_was_old = false;  // the connection had been used before
};

// What was seen of a transaction that did not end well.
struct SmtpFailure {
  enum class Cause { kOther, kTimeout, kLogin, kNoStartTls, kCertificate, kHandshake, kResolve };
  Cause cause = Cause::kOther;
  SmtpPhase phase = SmtpPhase::kConnect;
  std::string reply;            // "550 5.1.1 no such user"; empty: none to the last command
  bool text_was_sent = false;   // all of it, so that the server may have accepted it
  std::string server;           // host:port
  std::string library_message;  // what the SMTP library says about it
};

SmtpResult judge(const SmtpFailure& failure);

// One reply on one line, without what looks like an address (a row's value must not reach a log)
// and without control characters.
std::string public_reply(std::string_view reply);

}  // namespace millrace
