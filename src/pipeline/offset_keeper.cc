#include "pipeline/offset_keeper.h"

#include <algorithm>

#include "base/log.h"
#include "event/progress.h"

namespace millrace {

void OffsetKeeper::add(const Branch& branch, OffsetStore& store, Progress stored) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({&branch, &store, std::move(stored), std::nullopt});
}

void OffsetKeeper::start() {
  if (entries_.empty()) return;
  thread_ = std::jthread([this](std::stop_token stop) {
    std::mutex sleep_mutex;
    std::unique_lock lock(sleep_mutex);
    while (!stop.stop_requested()) {
      wake_.wait_for(lock, stop, interval_, [] { return false; });
      if (const auto done = flush(); !done) {
        log::warn("offsets not stored, trying again", {{"error", done.error().text()}});
      }
    }
  });
}

void OffsetKeeper::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

Result<void> OffsetKeeper::flush() {
  const std::lock_guard lock(flush_mutex_);
  Result<void> result;
  for (Entry& entry : entries_) {
    if (auto done = save(entry); !done) result = done;
  }
  return result;
}

Result<void> OffsetKeeper::save(Entry& entry) {
  Progress durable = entry.branch->status().durable;
  if (durable == entry.stored) return {};
  auto done = entry.store->save(durable);
  const std::lock_guard lock(mutex_);
  if (done) {
    entry.stored = std::move(durable);
    entry.failure.reset();
  } else {
    entry.failure = done.error().in("offsets not stored");
  }
  return done;
}

const OffsetKeeper::Entry* OffsetKeeper::find(const Branch& branch) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.branch == &branch; });
  return found == entries_.end() ? nullptr : &*found;
}

std::optional<Lsn> OffsetKeeper::confirmable(const Branch& branch) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(branch);
  return entry == nullptr ? std::nullopt : std::optional(millrace::confirmable(entry->stored));
}

std::optional<Error> OffsetKeeper::failure(const Branch& branch) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(branch);
  return entry == nullptr ? std::nullopt : entry->failure;
}

}  // namespace millrace
