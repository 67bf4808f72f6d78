// Which messages were meant to be sent, were begun, and how they ended: what makes one message per
// (event, recipient) out of a stream that repeats itself after every kill. Also keeps the branch's
// progress.
//
// An append-only file of lines, each with the first 8 hexadecimal digits of the SHA-256 of the rest
// before it:
//   H millrace-ledger 1             what this file is
//   B <boot id>                     the lines below were written under this boot of the machine
//   P <offset as JSON> <stream>     progress: every message of the stream up to there has ended
//   I|S|W|D|R|X <commit LSN> <ordinal> <hash> <stream>
//     I intended (synced before the first byte goes to the server), S started (the server asked for
//     the message's text), W it waits: not accepted, will be tried again, D delivered (the server's
//     250), R refused, X skipped in doubt.
// S, W, D, R and X are written at once and synced with the next group: a killed process loses none
// of them, a crashed machine may. So an intent without an end is in doubt when it was started, or
// when the machine has been booted since; else the server never had it. An unreadable line (torn,
// or half on disk after a crash) is left out; the ends it may hold turn into doubts. Messages at or
// before the progress are forgotten; the file is written anew when it has grown.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/durable_file.h"
#include "event/position.h"

namespace millrace {

struct MailId {
  std::string stream;
  Position position;
  std::string hash;  // of the recipient (MessageBuilder::hash)

  auto operator<=>(const MailId&) const = default;
};

enum class MailState : char {
  kIntended = 'I',
  kStarted = 'S',
  kWaiting = 'W',
  kDelivered = 'D',
  kRefused = 'R',
  kSkipped = 'X',
};

inline bool is_final(MailState state) {
  return state == MailState::kDelivered || state == MailState::kRefused ||
         state == MailState::kSkipped;
}

class MailLedger {
 public:
  struct Options {
    std::string path;
    std::string boot_id;  // current_boot_id(); empty counts as a boot of its own
    uint64_t rewrite_bytes = 4 * 1024 * 1024;
  };

  // Reads what is there and writes it anew (which syncs it). kVersion: a newer millrace's.
  static Result<MailLedger> open(Options options);
  // Reads only, for a look at it: nothing can be written. A file that is not there is empty.
  static Result<MailLedger> read(Options options);

  const Progress& progress() const { return progress_; }

  // nullptr: never heard of.
  const MailState* find(const MailId& id) const;

  // Messages without an end, for the log at start.
  size_t open_count() const;

  // Writes an intent for each, and syncs.
  Result<void> intend(const std::vector<MailId>& ids);

  // Written, not synced.
  Result<void> note(const MailId& id, MailState state);
  // All messages of the stream up to `offset` have ended. Written, not synced.
  Result<void> advance(const std::string& stream, const Offset& offset);

  Result<void> sync();

 private:
  void read_line(std::string_view line);
  void read_progress(std::string_view fields);
  void read_message(char type, std::string_view fields);
  void forget_through(const std::string& stream, const Offset& offset);
  Result<void> rewrite();

  Options options_;
  AppendFile file_;
  Progress progress_;
  std::map<MailId, MailState> messages_;
  bool boot_is_current_ = false;  // while reading: of the lines that are being read
  size_t unreadable_ = 0;
  uint64_t rewritten_bytes_ = 0;  // size after the last rewrite
};

// Changes with every boot of the machine; empty when the system does not tell.
std::string current_boot_id();

}  // namespace millrace
