// Hands items from one thread to another, in order. Unbounded by itself: what may pile up is
// bounded in bytes by the MemoryBudget that the items are charged to, and by who pushes.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace millrace {

template <class T>
class HandOverQueue {
 public:
  void push(T item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
    }
    changed_.notify_one();
  }

  // Waits for an item until the deadline; nullopt when none came, or wake() was called.
  std::optional<T> pop(SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return !items_.empty() || woken_; });
    woken_ = false;
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    if (items_.empty()) emptied_.notify_one();
    return item;
  }

  // For who pushes: waits until all was taken. False: not so at the deadline.
  bool wait_empty(SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    return emptied_.wait_until(lock, deadline, [&] { return items_.empty(); });
  }

  // Waits until the deadline or wake(), whatever arrives.
  void sleep_until(SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return woken_; });
    woken_ = false;
  }

  // Ends one wait of pop() or sleep_until() early.
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_one();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable emptied_;
  std::deque<T> items_;
  bool woken_ = false;
};

}  // namespace millrace
