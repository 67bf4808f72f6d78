// The batches that the e-mail sink has been given and has not finished, in order, and how far each
// is.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>

#include "event/batch.h"

namespace millrace {

struct MailBatch {
  BatchView view;
  size_t next = 0;  // index of the first change that has not been looked at
  size_t open = 0;  // messages of it that have not ended

  bool is_done() const { return next == view.changes.size() && open == 0; }
};

// Addresses of batches are stable until they are taken.
class MailQueue {
 public:
  void push(BatchView view) {
    batches_.push_back(std::make_unique<MailBatch>(MailBatch{.view = std::move(view)}));
  }

  size_t size() const { return batches_.size(); }

  void clear() {
    batches_.clear();
    reading_ = 0;
  }

  // The next row, with its batch; counts it as open. Other changes are passed over.
  struct Row {
    MailBatch* batch;
    const Change* change;
  };

  std::optional<Row> next_row() {
    for (; reading_ < batches_.size(); ++reading_) {
      MailBatch& batch = *batches_[reading_];
      while (batch.next < batch.view.changes.size()) {
        const Change& change = batch.view.changes[batch.next++];
        if (!is_row(change.op) || change.table == nullptr) continue;
        ++batch.open;
        return Row{&batch, &change};
      }
    }
    return std::nullopt;
  }

  // The oldest batch if it is done, which leaves the queue.
  std::unique_ptr<MailBatch> take_done() {
    if (batches_.empty() || !batches_.front()->is_done()) return nullptr;
    std::unique_ptr<MailBatch> done = std::move(batches_.front());
    batches_.pop_front();
    if (reading_ > 0) --reading_;
    return done;
  }

 private:
  std::deque<std::unique_ptr<MailBatch>> batches_;
  size_t reading_ = 0;  // batches before it have been looked at whole
};

}  // namespace millrace
