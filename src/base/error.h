// One closed list of what can go wrong, and the only error type of the program.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace millrace {

enum class ErrorKind {
  kConfig,        // a setting is wrong; nothing was started
  kUnreachable,   // network, server starting or stopping, time-out: try again
  kBusy,          // the other side asks to wait (slot in use, queue full, 4xx SMTP): try again
  kUnauthorized,  // wrong password, missing right
  kNotFound,      // table, slot, topic, file that must exist
  kGap,           // slot and stored progress do not fit: changes may be missing (I10)
  kProtocol,      // bytes that the protocol does not allow
  kData,          // a value or record that the receiver cannot hold: dead letter
  kIo,            // local disk: read-only, failing, a file that is not what it should be
  kNoRoom,        // local disk or quota full: goes on once somebody makes room
  kVersion,       // a file or server of a version we cannot work with
  kRefused,       // the receiver has refused more than the settings put up with: a person must look
  kStopped,       // asked to stop
  kInternal,      // a defect of ours
};

enum class ErrorPolicy { kRetry, kDeadLetter, kFail };

// What the pipeline does about an error of this kind. The only place that decides.
ErrorPolicy policy(ErrorKind kind);
std::string_view name(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string
      message;       // a sentence: what, where (table, LSN, key, file), lower case, no row values
  std::string cure;  // what to do: the SQL, the setting; may be empty

  Error() = default;

  Error(ErrorKind k, std::string m, std::string c = {})
      : kind(k), message(std::move(m)), cure(std::move(c)) {}

  // "message (cure)", for logs and the terminal.
  std::string text() const;
  // The same error with "context: " before its message.
  Error in(std::string_view context) const;
};

}  // namespace millrace
