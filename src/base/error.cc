#include "base/error.h"

namespace millrace {

ErrorPolicy policy(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUnreachable:
    case ErrorKind::kBusy:
    case ErrorKind::kNoRoom:
      return ErrorPolicy::kRetry;
    case ErrorKind::kData:
      return ErrorPolicy::kDeadLetter;
    default:
      return ErrorPolicy::kFail;
  }
}

std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kConfig:
      return "config";
    case ErrorKind::kUnreachable:
      return "unreachable";
    case ErrorKind::kBusy:
      return "busy";
    case ErrorKind::kUnauthorized:
      return "unauthorized";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kGap:
      return "gap";
    case ErrorKind::kProtocol:
      return "protocol";
    case ErrorKind::kData:
      return "data";
    case ErrorKind::kIo:
      return "io";
    case ErrorKind::kNoRoom:
      return "no_room";
    case ErrorKind::kVersion:
      return "version";
    case ErrorKind::kRefused:
      return "refused";
    case ErrorKind::kStopped:
      return "stopped";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

std::string Error::text() const {
  return cure.empty() ? message : message + " (" + cure + ")";
}

Error Error::in(std::string_view context) const {
  return Error(kind, std::string(context) + ": " + message, cure);
}

}  // namespace millrace
