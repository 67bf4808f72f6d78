// What was written and is not durable: the batches in order, which of their records librdkafka has,
// and which came back. Bytes stay where they are until their batch leaves the front. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "event/batch.h"
#include "event/position.h"

namespace millrace {

class InFlight {
 public:
  struct Place {
    const BatchView* view = nullptr;
    const Record* record = nullptr;  // null: there is none
    uint32_t partition = 0;          // as it was handed over
  };

  void push(BatchView view);

  // The first record that librdkafka does not have yet, and its number.
  Place next();
  uint64_t next_number() const;
  // librdkafka has it. `bytes`: what it holds because of it; `partition`: what at() is to tell.
  void hand_over_next(size_t bytes, uint32_t partition);
  // It needs no hand-over: it was refused.
  void settle_next();

  // What became of a record that was handed over. An unknown number (of an earlier producer) does
  // nothing.
  void settle(uint64_t number, size_t bytes);
  Place at(uint64_t number) const;

  // Remembers that a record was refused, also over rewind(). True: the first of its change.
  bool refuse(uint64_t number);
  bool is_refused(uint64_t number) const;

  // Everything from the front is to be handed over once more, under new numbers; what has settled
  // too, unless it keeps that.
  void rewind(bool keeps_settled);
  void clear();

  // Lets settled batches go. Returns the seq of the newest that ever left; 0 = none.
  uint64_t advance();
  // True: the batch at the front is settled, advance() would let it go.
  bool front_settled() const;

  // Lets the settled batches at the front go, as far as they are repeatable and nothing of them was
  // refused. Returns the seq of the last that is gone; 0 = none. Until clear() or advance(), no
  // rewind().
  uint64_t release();

  bool has_released() const { return released_ > 0; }

  // Whole batches stand before the next record: none is handed over in part.
  bool at_boundary();

  // A batch is handed over whole. After at_boundary(), which takes note of it.
  bool has_handed() const { return cursor_ > 0; }

  // Moves `progress` over the batches that are handed over whole. Only at a boundary.
  void advance_over_handed(Progress& progress) const;

  // Of the batches that are handed over, and of what was made of them.
  size_t handed_bytes() const { return handed_bytes_; }

  bool empty() const { return entries_.empty(); }

  // Handed over and not settled.
  bool outstanding() const { return outstanding_ > 0; }

  // Hand-overs there ever were, and those of them that came back.
  uint64_t handed_records() const { return handed_records_; }

  uint64_t returned_records() const { return handed_records_ - outstanding_; }

  size_t bytes() const { return bytes_; }

  uint64_t last_seq() const { return entries_.empty() ? durable_seq_ : entries_.back().view.seq(); }

 private:
  struct Entry {
    BatchView view;
    uint64_t first = 0;  // number of its first record
    size_t count = 0;    // of its records
    size_t handed = 0;
    size_t settled = 0;
    std::vector<bool> is_settled;      // by index of record
    std::vector<uint32_t> partitions;  // by index of record
    std::set<size_t> refused;          // indices of records
    std::set<uint32_t> refused_changes;

    bool is_settled_whole() const { return settled == count; }
  };

  std::optional<size_t> find(uint64_t number) const;

  std::deque<Entry> entries_;
  size_t cursor_ = 0;    // entry of the next record; entries_.size() = none
  size_t released_ = 0;  // so many at the front are gone
  uint64_t released_seq_ = 0;
  uint64_t next_first_ = 1;
  uint64_t durable_seq_ = 0;
  size_t outstanding_ = 0;
  uint64_t handed_records_ = 0;
  size_t bytes_ = 0;
  size_t handed_bytes_ = 0;
};

}  // namespace millrace
