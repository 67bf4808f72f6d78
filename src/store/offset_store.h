// Keeps the progress of one branch whose sink cannot. One thread at a time; may block for as long
// as its own time-outs allow (pipeline/ calls it from a thread of its own).
#pragma once

#include "base/result.h"
#include "event/position.h"

namespace millrace {

// Bound at its making to one key: connector name (or "<pipeline>/<branch>") and topic.prefix.
class OffsetStore {
 public:
  virtual ~OffsetStore() = default;

  // Empty when nothing was ever stored. kProtocol: what is stored cannot be read (with the cure).
  // kIo: it can be seen already that save() would fail for good.
  virtual Result<Progress> load() = 0;
  // Durable when it returns.
  virtual Result<void> save(const Progress& progress) = 0;
};

}  // namespace millrace
