// Changes what a branch sees of a batch. Driven by the branch's transform thread.
#pragma once

#include "base/result.h"
#include "event/batch.h"

namespace millrace {

class Transform {
 public:
  virtual ~Transform() = default;

  // Replaces view.changes (never the shared batch); what it makes is owned through view.keep.
  virtual Result<void> apply(BatchView& view) = 0;
};

}  // namespace millrace
