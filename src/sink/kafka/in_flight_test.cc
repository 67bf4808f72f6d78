#include "sink/kafka/in_flight.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

class InFlightTest : public ::testing::Test {
 protected:
  BatchView view(uint64_t seq, size_t records) {
    auto batch = std::make_shared<Batch>(nullptr);
    batch->seq = seq;
    batch->offset.lsn = seq;
    batch->offset.position = {seq, 0};
    auto own = std::make_shared<std::vector<Record>>(records);
    for (size_t i = 0; i < records; ++i)
      (*own)[i].change = static_cast<uint32_t>(i / 2);
    BatchView out;
    out.batch = batch;
    out.records = *own;
    out.made_bytes = 10000;
    out.keep.push_back(own);
    return out;
  }

  std::vector<uint64_t> hand_over_all() {
    std::vector<uint64_t> numbers;
    while (in_flight_.next().record != nullptr) {
      numbers.push_back(in_flight_.next_number());
      in_flight_.hand_over_next(10, 0);
    }
    return numbers;
  }

  InFlight in_flight_;
};

TEST_F(InFlightTest, ABatchIsDurableWhenAllBeforeItAre) {
  in_flight_.push(view(5, 2));
  in_flight_.push(view(9, 1));
  const auto numbers = hand_over_all();
  ASSERT_EQ(numbers.size(), 3U);
  in_flight_.settle(numbers[2], 10);
  in_flight_.settle(numbers[1], 10);
  EXPECT_EQ(in_flight_.advance(), 0U);
  in_flight_.settle(numbers[0], 10);
  EXPECT_EQ(in_flight_.advance(), 9U);
  EXPECT_TRUE(in_flight_.empty());
  EXPECT_EQ(in_flight_.bytes(), 0U);
}

TEST_F(InFlightTest, WhatHasSettledAndIsRepeatableIsLetGoFromTheFront) {
  for (const uint64_t seq : {1, 2, 3, 4}) {
    BatchView one = view(seq, 2);
    one.repeatable = seq != 4;
    in_flight_.push(std::move(one));
  }
  const auto numbers = hand_over_all();
  const size_t all = in_flight_.handed_bytes();
  for (const size_t i : {0, 1, 4, 5, 6, 7})
    in_flight_.settle(numbers[i], 10);
  EXPECT_EQ(in_flight_.release(), 1U) << "the second one is not settled";
  EXPECT_EQ(in_flight_.handed_bytes(), all / 4 * 3 + 1024) << "what is left of it counts";
  in_flight_.settle(numbers[2], 10);
  in_flight_.settle(numbers[3], 10);
  EXPECT_EQ(in_flight_.release(), 3U) << "the fourth one cannot be had again";
  EXPECT_TRUE(in_flight_.has_released());
  Progress progress;
  in_flight_.advance_over_handed(progress);
  EXPECT_EQ(progress.at(std::string(kSlotStream)).lsn, 4U);
  EXPECT_EQ(in_flight_.advance(), 4U);
  EXPECT_EQ(in_flight_.handed_bytes(), 0U);
  EXPECT_FALSE(in_flight_.has_released());
}

TEST_F(InFlightTest, ABatchWithARefusedRecordStays) {
  BatchView refused = view(1, 1);
  refused.repeatable = true;
  in_flight_.push(std::move(refused));
  in_flight_.refuse(in_flight_.next_number());
  in_flight_.settle_next();
  in_flight_.next();
  EXPECT_EQ(in_flight_.release(), 0U);
}

TEST_F(InFlightTest, EmptyBatchesWaitForThoseBefore) {
  in_flight_.push(view(1, 0));
  EXPECT_EQ(in_flight_.advance(), 1U);
  in_flight_.push(view(2, 1));
  in_flight_.push(view(3, 0));
  in_flight_.push(view(4, 1));
  const auto numbers = hand_over_all();
  EXPECT_EQ(in_flight_.advance(), 1U);
  in_flight_.settle(numbers[0], 10);
  EXPECT_EQ(in_flight_.advance(), 3U);
  in_flight_.settle(numbers[1], 10);
  EXPECT_EQ(in_flight_.advance(), 4U);
}

TEST_F(InFlightTest, NewBatchesComeAfterThoseThatLeft) {
  in_flight_.push(view(1, 1));
  in_flight_.settle(hand_over_all()[0], 10);
  in_flight_.advance();
  in_flight_.push(view(2, 1));
  const auto numbers = hand_over_all();
  ASSERT_EQ(numbers.size(), 1U);
  EXPECT_EQ(in_flight_.at(numbers[0]).view->seq(), 2U);
}

TEST_F(InFlightTest, ARewindHandsOverAllAgainUnderNewNumbers) {
  in_flight_.push(view(1, 3));
  const auto first = hand_over_all();
  in_flight_.settle(first[0], 10);
  in_flight_.refuse(first[1]);
  in_flight_.rewind(false);
  EXPECT_EQ(in_flight_.bytes(), 0U);
  in_flight_.settle(first[2], 10);  // a late word of the old producer
  EXPECT_FALSE(in_flight_.outstanding());
  const auto again = hand_over_all();
  ASSERT_EQ(again.size(), 3U);
  EXPECT_GT(again[0], first[2]);
  EXPECT_FALSE(in_flight_.is_refused(again[0]));
  EXPECT_TRUE(in_flight_.is_refused(again[1]));
}

TEST_F(InFlightTest, ARewindCanKeepWhatHasSettled) {
  in_flight_.push(view(1, 2));
  in_flight_.push(view(2, 3));
  const auto first = hand_over_all();
  for (const size_t i : {0, 1, 3})
    in_flight_.settle(first[i], 10);
  in_flight_.rewind(true);
  const auto again = hand_over_all();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(in_flight_.at(again[0]).record, &in_flight_.at(again[0]).view->records[0]);
  EXPECT_EQ(in_flight_.at(again[1]).record, &in_flight_.at(again[1]).view->records[2]);
  EXPECT_EQ(in_flight_.advance(), 1U);
  in_flight_.settle(again[0], 10);
  EXPECT_EQ(in_flight_.advance(), 1U);
  in_flight_.settle(again[1], 10);
  EXPECT_EQ(in_flight_.advance(), 2U);
  EXPECT_EQ(in_flight_.bytes(), 0U);
}

TEST_F(InFlightTest, AChangeIsRefusedOnce) {
  in_flight_.push(view(1, 3));  // records 0 and 1 are of one change
  const auto numbers = hand_over_all();
  EXPECT_TRUE(in_flight_.refuse(numbers[0]));
  EXPECT_FALSE(in_flight_.refuse(numbers[1]));
  EXPECT_TRUE(in_flight_.refuse(numbers[2]));
}

TEST_F(InFlightTest, HandedOverBatchesAreThoseBeforeTheNextRecord) {
  in_flight_.push(view(1, 2));
  in_flight_.push(view(2, 1));
  EXPECT_TRUE(in_flight_.at_boundary());
  EXPECT_FALSE(in_flight_.has_handed());
  in_flight_.next();
  in_flight_.hand_over_next(10, 0);
  EXPECT_FALSE(in_flight_.at_boundary());
  EXPECT_FALSE(in_flight_.has_handed());
  in_flight_.next();
  in_flight_.hand_over_next(10, 0);
  EXPECT_TRUE(in_flight_.at_boundary());
  EXPECT_TRUE(in_flight_.has_handed());
  Progress progress;
  in_flight_.advance_over_handed(progress);
  EXPECT_EQ(progress[std::string(kSlotStream)].lsn, 1U);
  hand_over_all();
  in_flight_.advance_over_handed(progress);
  EXPECT_EQ(progress[std::string(kSlotStream)].lsn, 2U);
}

TEST_F(InFlightTest, WhatLeftAndWhatIsRewoundIsNotHandedOver) {
  in_flight_.push(view(1, 1));
  in_flight_.push(view(2, 1));
  const auto numbers = hand_over_all();
  const size_t both = in_flight_.handed_bytes();
  in_flight_.settle(numbers[0], 10);
  in_flight_.advance();
  EXPECT_TRUE(in_flight_.has_handed());
  EXPECT_LT(in_flight_.handed_bytes(), both);
  in_flight_.rewind(false);
  EXPECT_FALSE(in_flight_.has_handed());
  EXPECT_EQ(in_flight_.handed_bytes(), 0U);
}

}  // namespace
}  // namespace millrace
