#include "base/arena.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace millrace {
namespace {

constexpr size_t kChunk = MemoryBudget::kChunkBytes;

TEST(Arena, WhatItHoldsIsChargedAndReleased) {
  MemoryBudget budget(10 * kChunk);
  {
    Arena arena(&budget);
    EXPECT_EQ(budget.used(), 0u);
    arena.allocate(100);
    EXPECT_LT(budget.used(), kChunk) << "a batch of one change is small";
    arena.allocate(20000);
    arena.allocate(3 * kChunk);
    EXPECT_GT(budget.used(), 4 * kChunk);
    EXPECT_EQ(budget.used(), arena.bytes());
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Arena, BytesStayWhereTheyAre) {
  MemoryBudget budget(kChunk);
  Arena arena(&budget);
  std::vector<std::string_view> copies;
  for (int i = 0; i < 10000; ++i)
    copies.push_back(arena.copy("piece " + std::to_string(i)));
  for (size_t i = 0; i < copies.size(); ++i)
    EXPECT_EQ(copies[i], "piece " + std::to_string(i));
}

TEST(Arena, AChunkServesAgain) {
  MemoryBudget budget(10 * kChunk);
  const auto second_chunk = [&] {
    Arena arena(&budget);
    arena.allocate(1);
    return static_cast<void*>(arena.allocate(kChunk / 2));
  };
  void* const first = second_chunk();
  EXPECT_EQ(second_chunk(), first);
}

TEST(MemoryBudget, KeepsNoMoreChunksThanTheBoundAllows) {
  MemoryBudget budget(2 * kChunk);
  std::vector<std::unique_ptr<char[]>> taken;
  for (int i = 0; i < 5; ++i)
    taken.push_back(budget.take_chunk());
  EXPECT_EQ(budget.used(), 5 * kChunk);
  for (auto& chunk : taken)
    budget.give_chunk(std::move(chunk));
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_EQ(budget.kept(), 2 * kChunk);
}

TEST(MemoryBudget, ServesSeveralThreads) {
  MemoryBudget budget(4 * kChunk);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        Arena arena(&budget);
        for (int n = 0; n < 3; ++n)
          arena.allocate(kChunk - 64);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_LE(budget.kept(), 4 * kChunk);
}

}  // namespace
}  // namespace millrace
